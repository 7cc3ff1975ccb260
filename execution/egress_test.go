package execution

import "testing"

func TestEgressThatIsAllowed(t *testing.T) {
	allowed, err := ParseEgress("203.0.113.0/24:443, 10.0.0.0/8:8000-8999,2001:db8::/32:53,0.0.0.0/0:80,198.51.100.0/24")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		cidr  string
		ports []int32
		wrong string
	}{
		{"203.0.113.0/24", []int32{443}, ""},
		{"203.0.113.7/32", []int32{443}, ""},
		{"203.0.113.7/32", []int32{443, 80}, ""},                       // each by another rule
		{"203.0.113.7/32", []int32{444}, "network.egress"},             // another port
		{"203.0.113.7/32", nil, "network.egress"},                      // all ports
		{"10.0.0.0/7", []int32{8000}, "network.egress"},                // larger, and begins alike
		{"203.0.112.0/23", []int32{443}, "network.egress"},             // larger than what is allowed
		{"10.1.2.0/24", []int32{8000, 8999}, ""},                       // a range of ports
		{"10.1.2.0/24", []int32{7999}, "network.egress"},               // beside it
		{"198.51.100.0/25", nil, ""},                                   // all ports are allowed
		{"2001:db8:1::/48", []int32{53}, ""},                           // IPv6
		{"::/0", []int32{80}, "network.egress"},                        // 0.0.0.0/0 is IPv4 only
		{"0.0.0.0/0", []int32{80}, ""},                                 // what is never allowed is cut out of it
		{"169.254.169.254/32", []int32{80}, "network.egress.cidr"},     // metadata
		{"169.254.0.0/17", []int32{80}, "network.egress.cidr"},         // likewise
		{"100.100.100.200/32", []int32{80}, "network.egress.cidr"},     // likewise
		{"127.0.0.1/32", []int32{80}, "network.egress.cidr"},           // the machine itself
		{"203.0.113.7/24", []int32{443}, "network.egress.cidr"},        // no range, but an address and a length
		{"::ffff:203.0.113.0/120", []int32{80}, "network.egress.cidr"}, // IPv4 in disguise
		{"203.0.113.7", []int32{443}, "network.egress.cidr"},
		{"example.com/32", nil, "network.egress.cidr"},
		{"", nil, "network.egress.cidr"},
		{"203.0.113.0/24", []int32{0}, "network.egress.ports network.egress"},
		{"203.0.113.0/24", []int32{65536}, "network.egress.ports network.egress"},
	}
	for _, tt := range tests {
		var errs FieldErrors
		allowed.check([]Egress{{tt.cidr, tt.ports}}, &errs)
		if wrong := fields(errs); wrong != tt.wrong {
			t.Errorf("%s %v: %v, want %q", tt.cidr, tt.ports, errs, tt.wrong)
		}
	}
	var errs FieldErrors
	AllowedEgress(nil).check([]Egress{{"203.0.113.0/24", nil}}, &errs)
	if errs.Error() != "network.egress: egress is not allowed here" {
		t.Errorf("where nothing is allowed: %v", errs)
	}
}

func TestEgressSettings(t *testing.T) {
	for list, want := range map[string]string{
		"": "", " , ": "", "10.0.0.0/8": "10.0.0.0/8", "10.0.0.0/8:443": "10.0.0.0/8:443", "10.0.0.0/8:1-65535,": "10.0.0.0/8",
		"10.0.0.0/8:80-90, 2001:db8::/32:443": "10.0.0.0/8:80-90,2001:db8::/32:443",
	} {
		if got, err := ParseEgress(list); err != nil || got.String() != want {
			t.Errorf("%q: %q, %v", list, got, err)
		}
	}
	for _, list := range []string{"10.0.0.0", "10.0.0.1/8", "10.0.0.0/8:", "10.0.0.0/8:0", "10.0.0.0/8:90-80", "10.0.0.0/8:65536", "10.0.0.0/8:a", "2001:db8::", "10.0.0.0/33", "10.0.0.0/8:1-2-3"} {
		if got, err := ParseEgress(list); err == nil {
			t.Errorf("%q became %v", list, got)
		}
	}
}
