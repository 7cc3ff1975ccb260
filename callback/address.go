package callback

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxURL is in bytes.
const maxURL = 2048

// Rules say which addresses may be told of an end.
type Rules struct {
	AllowPrivate bool  // also addresses that only this network knows: for development and tests
	Ports        []int // that may be connected to; any if there is none
}

// Check reports which rule a callback_url breaks. It asks nobody where a name
// leads: that can change at any time, and is looked at when the connection is
// made.
func (r Rules) Check(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case len(raw) > maxURL:
		return errors.New("at most " + strconv.Itoa(maxURL) + " bytes")
	case err != nil, u.Opaque != "", u.Host == "", u.Scheme != "http" && u.Scheme != "https":
		return errors.New("an absolute http or https URL")
	case u.User != nil:
		return errors.New("no user or password")
	case strings.Contains(raw, "#"):
		return errors.New("no fragment")
	}
	if why := r.host(u.Hostname()); why != "" {
		return errors.New(why)
	}
	if !r.port(u) {
		return errors.New("its port is one of " + r.ports())
	}
	return nil
}

// host is what is wrong with a host as it stands in a URL.
func (r Rules) host(name string) string {
	bare := strings.TrimSuffix(strings.ToLower(name), ".")
	for _, b := range []byte(name) {
		if b <= ' ' || b > '~' {
			return "host is ASCII; others in Punycode"
		}
	}
	if a, err := netip.ParseAddr(bare); err == nil {
		if why := r.refuse(a); why != "" {
			return "not a " + why + " address"
		}
		return ""
	}
	switch labels := strings.Split(bare, "."); {
	case slices.Contains(labels, ""):
		return "host is a name or an IP address"
	case numeric(labels[len(labels)-1]):
		return "an IPv4 address has four decimal numbers" // resolvers read 0x7f.1 and 2130706433 as one, too
	case !r.AllowPrivate && inner(labels):
		return "not a name of this network"
	default:
		return ""
	}
}

// numeric reports whether a host that ends in label is an IPv4 address to some:
// the rule of browsers (WHATWG URL, "ends in a number").
func numeric(label string) bool {
	if strings.Trim(label, "0123456789") == "" {
		return true
	}
	hex, ok := strings.CutPrefix(label, "0x")
	return ok && strings.Trim(hex, "0123456789abcdef") == ""
}

// inner reports whether a name leads nowhere but into some local network
// (RFC 6761 and 6762, and what clusters use).
func inner(labels []string) bool {
	return len(labels) == 1 ||
		slices.Contains([]string{"localhost", "local", "internal", "lan", "home", "corp", "arpa"}, labels[len(labels)-1])
}

func (r Rules) port(u *url.URL) bool {
	n, err := strconv.Atoi(u.Port())
	if u.Port() == "" {
		n, err = map[string]int{"http": 80, "https": 443}[u.Scheme], nil
	}
	return err == nil && n > 0 && n <= 65535 && (len(r.Ports) == 0 || slices.Contains(r.Ports, n))
}

// ParsePorts reads numbers with commas between; any stands for all.
func ParsePorts(text string) (ports []int, err error) {
	if text == "any" {
		return nil, nil
	}
	for one := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(one))
		if err != nil || n < 1 || n > 65535 {
			return nil, errors.New("must be numbers of 1 to 65535, or any")
		}
		ports = append(ports, n)
	}
	return ports, nil
}

func (r Rules) ports() string {
	if len(r.Ports) == 0 {
		return "1..65535"
	}
	all := make([]string, len(r.Ports))
	for i, p := range r.Ports {
		all[i] = strconv.Itoa(p)
	}
	return strings.Join(all, ", ")
}

// refuse is the kind of address that a is, if no callback may go there: all but
// what the whole Internet reaches.
func (r Rules) refuse(a netip.Addr) (kind string) {
	if r.AllowPrivate {
		return ""
	}
	if a.Zone() != "" {
		return "zoned"
	}
	a = a.Unmap() // ::ffff:127.0.0.1 is 127.0.0.1
	for _, s := range special {
		if s.Contains(a) {
			return s.kind
		}
	}
	if a.Is6() && !unicast.Contains(a) {
		return "reserved"
	}
	return ""
}

// unicast is all of IPv6 that is given out to the Internet.
var unicast = netip.MustParsePrefix("2000::/3")

// special are ranges that are not of the Internet, or where clouds keep their
// secrets (IANA IPv4 and IPv6 Special-Purpose Address Registries).
var special = []struct {
	netip.Prefix
	kind string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "local"},
	{netip.MustParsePrefix("10.0.0.0/8"), "private"},
	{netip.MustParsePrefix("100.64.0.0/10"), "shared"}, // CGNAT; 100.100.100.200 is the metadata of Alibaba
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("168.63.129.16/32"), "metadata"}, // of Azure
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local"}, // 169.254.169.254 is the metadata of most
	{netip.MustParsePrefix("172.16.0.0/12"), "private"},
	{netip.MustParsePrefix("192.0.0.0/24"), "reserved"}, // 192.0.0.192 is the metadata of Oracle
	{netip.MustParsePrefix("192.0.2.0/24"), "documentation"},
	{netip.MustParsePrefix("192.88.99.0/24"), "relay"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private"},
	{netip.MustParsePrefix("198.18.0.0/15"), "benchmark"},
	{netip.MustParsePrefix("198.51.100.0/24"), "documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), "documentation"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved"},
	{netip.MustParsePrefix("::/128"), "local"},
	{netip.MustParsePrefix("::1/128"), "loopback"},
	{netip.MustParsePrefix("64:ff9b::/96"), "translated"}, // and leads to any IPv4 address
	{netip.MustParsePrefix("64:ff9b:1::/48"), "translated"},
	{netip.MustParsePrefix("2001::/23"), "reserved"}, // Teredo and ORCHID are in it
	{netip.MustParsePrefix("2001:db8::/32"), "documentation"},
	{netip.MustParsePrefix("2002::/16"), "translated"}, // 6to4
	{netip.MustParsePrefix("3fff::/20"), "documentation"},
	{netip.MustParsePrefix("fc00::/7"), "private"}, // fd00:ec2::254 is the metadata of AWS
	{netip.MustParsePrefix("fe80::/10"), "link-local"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
}
