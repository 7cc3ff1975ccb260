package execution

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// AllowedEgress is what an administrator lets runs connect to; nothing if it
// is empty.
type AllowedEgress []EgressRange

// EgressRange is a range of addresses and ports of TCP.
type EgressRange struct {
	Prefix    netip.Prefix
	Low, High int32 // the ports, both included
}

// String returns r as ParseEgress reads it.
func (r EgressRange) String() string {
	switch {
	case r.Low == 1 && r.High == maxPort:
		return r.Prefix.String()
	case r.Low == r.High:
		return fmt.Sprintf("%s:%d", r.Prefix, r.Low)
	default:
		return fmt.Sprintf("%s:%d-%d", r.Prefix, r.Low, r.High)
	}
}

const (
	maxPort   = 65535
	maxEgress = 16 // ranges that a run may ask for, and ports of each
)

// NeverReached are addresses that no run connects to, whatever is allowed. They
// tell secrets of the machine to whoever asks from it: link-local ones, where
// clouds have their metadata, those that some clouds use instead, and loopback.
var NeverReached = []netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/16"),     // AWS, Google, Azure and most others
	netip.MustParsePrefix("fe80::/10"),          // link-local
	netip.MustParsePrefix("fd00:ec2::254/128"),  // AWS
	netip.MustParsePrefix("fd20:ce::254/128"),   // Google
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba
	netip.MustParsePrefix("192.0.0.192/32"),     // Oracle
	netip.MustParsePrefix("168.63.129.16/32"),   // Azure
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("::1/128"),
}

// ParseEgress reads a list of CIDR[:port[-port]] with commas between, such as
// "10.1.0.0/16:443,2001:db8::/32". Without ports, all are meant.
func ParseEgress(list string) (all AllowedEgress, err error) {
	for item := range strings.SplitSeq(list, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		slash := strings.IndexByte(item, '/')
		cidr, ports := item, ""
		if colon := strings.IndexByte(item[max(slash, 0):], ':'); slash >= 0 && colon >= 0 {
			cidr, ports = item[:slash+colon], item[slash+colon+1:]
			if ports == "" {
				return nil, fmt.Errorf("%q: there is no port behind the colon", item)
			}
		}
		r := EgressRange{Low: 1, High: maxPort}
		if r.Prefix, err = parseCIDR(cidr); err != nil {
			return nil, fmt.Errorf("%q: %w", item, err)
		}
		if ports != "" {
			low, high, several := strings.Cut(ports, "-")
			if !several {
				high = low
			}
			if r.Low, err = parsePort(low); err == nil {
				r.High, err = parsePort(high)
			}
			if err != nil || r.Low > r.High {
				return nil, fmt.Errorf("%q: ports are 1 to %d", item, maxPort)
			}
		}
		all = append(all, r)
	}
	return all, nil
}

// parseCIDR reads a range of addresses whose host bits are zero.
func parseCIDR(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Addr().Is4In6() {
		return p, fmt.Errorf("no range such as 10.1.0.0/16")
	}
	if p != p.Masked() {
		return p, fmt.Errorf("bits are set behind the prefix: %s is meant", p.Masked())
	}
	return p, nil
}

func parsePort(s string) (int32, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err == nil && n == 0 {
		err = strconv.ErrRange
	}
	return int32(n), err
}

// check notes what is wrong with asked.
func (a AllowedEgress) check(asked []Egress, errs *FieldErrors) {
	const field = "network.egress"
	if len(asked) == 0 {
		return
	}
	if len(a) == 0 {
		errs.add(false, field, "egress is not allowed here")
		return
	}
	errs.add(len(asked) <= maxEgress, field, "at most %d", maxEgress)
	for _, e := range asked {
		p, err := parseCIDR(e.CIDR)
		if err != nil {
			errs.add(false, field+".cidr", "%q: %v", e.CIDR, err)
			continue
		}
		secret := slices.ContainsFunc(NeverReached, func(r netip.Prefix) bool { return contains(r, p) })
		errs.add(!secret, field+".cidr", "%s is never allowed", p)
		errs.add(len(e.Ports) <= maxEgress, field+".ports", "at most %d", maxEgress)
		for _, port := range e.Ports {
			errs.add(port >= 1 && port <= maxPort, field+".ports", "1..%d", maxPort)
		}
		errs.add(a.covers(p, e.Ports), field, "%s is not within %s", p, a)
	}
}

// covers reports whether a allows each of ports of p; all, if there is none.
func (a AllowedEgress) covers(p netip.Prefix, ports []int32) bool {
	allowed := func(low, high int32) bool {
		return slices.ContainsFunc(a, func(r EgressRange) bool { return contains(r.Prefix, p) && r.Low <= low && high <= r.High })
	}
	if len(ports) == 0 {
		return allowed(1, maxPort)
	}
	return !slices.ContainsFunc(ports, func(port int32) bool { return !allowed(port, port) })
}

// contains reports whether all of p is in r.
func contains(r, p netip.Prefix) bool {
	return r.Addr().Is4() == p.Addr().Is4() && r.Bits() <= p.Bits() && r.Contains(p.Addr())
}

// Strings are the ranges of a, as ParseEgress reads them.
func (a AllowedEgress) Strings() []string {
	all := make([]string, len(a))
	for i, r := range a {
		all[i] = r.String()
	}
	return all
}

// String returns a as ParseEgress reads it.
func (a AllowedEgress) String() string { return strings.Join(a.Strings(), ",") }
