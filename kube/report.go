package kube

import (
	"fmt"
	"strings"
	"time"

	"github.com/codesaga/codesaga/runner"
)

// Report is what a probe found of a cluster.
type Report struct {
	Isolated bool      `json:"isolated"` // nothing that should be out of reach was reached
	Sentence string    `json:"sentence"` // all of it in one
	Findings []Finding `json:"findings"`
	At       time.Time `json:"at"` // UTC
}

// Finding is one thing that was tried, or looked at.
type Finding struct {
	What   string `json:"what"` // such as: connect to 1.1.1.1:443
	Open   bool   `json:"open"` // it should not have worked, and did
	Detail string `json:"detail,omitempty"`
}

// evaluate makes a report of what the probe saw from inside of a pod. What is
// refused is not open: a policy may refuse, too, and each address that is tried
// has somebody who would answer.
func evaluate(p runner.Probe, at time.Time) Report {
	r := Report{At: at.UTC().Truncate(time.Millisecond)}
	var reached []string
	try := func(what string, attempts []runner.Attempt) {
		for _, a := range attempts {
			name := fmt.Sprintf("%s %s (%s)", what, a.Address, a.Network)
			r.Findings = append(r.Findings, Finding{What: name, Open: a.Reached, Detail: a.Error})
			if a.Reached {
				reached = append(reached, name)
			}
		}
	}
	try("connect to", p.Connects)
	try("ask for a name at", p.Lookups)
	look := func(what string, found []string) {
		f := Finding{What: what, Open: len(found) > 0, Detail: strings.Join(found, ", ")}
		r.Findings = append(r.Findings, f)
		if f.Open {
			reached = append(reached, what+" "+f.Detail)
		}
	}
	look("read a token of a service account in", p.Tokens)
	look("reach beyond the pod by", p.Leaks)
	tried := len(p.Connects) + len(p.Lookups)
	r.Isolated = len(reached) == 0
	switch {
	case !r.Isolated:
		r.Sentence = "open: a pod could " + strings.Join(reached, ", and ")
	case len(p.Interfaces) == 0:
		r.Sentence = "isolated: pods have no network at all here (no interface but lo): isolation does not come from NetworkPolicy, whose enforcement could not be tested"
	default:
		r.Sentence = fmt.Sprintf("isolated: pods have a network (%s), and none of the %d addresses that were tried could be reached from inside", strings.Join(p.Interfaces, ", "), tried)
	}
	return r
}
