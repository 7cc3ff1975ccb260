package execution

// Fact is what became true of an execution outside of its saga.
type Fact string

// The facts.
const (
	Started  Fact = "started"  // the script runs
	Finished Fact = "finished" // the script ended, or never will run; an ending was published
	Stored   Fact = "stored"   // the result can be read
	Gone     Fact = "gone"     // the cluster has nothing of it, and never will have again
)

// sooner orders the facts of a run that goes well.
var sooner = map[Fact]int{Started: 1, Finished: 2, Stored: 3}

// Implies reports whether g is true when f is, so that it does no harm if the
// report of g is lost or late. A pod that is gone may never have been, and of
// a cancelled run no ending and no result came before: Gone implies nothing.
func (f Fact) Implies(g Fact) bool {
	if f == Gone || g == Gone {
		return f == g
	}
	return sooner[f] >= sooner[g]
}

// Report is what a saga is told of an event.
type Report struct {
	Fact   Fact    `json:"fact,omitempty"`   // none: nothing that a saga waits for
	Status Status  `json:"status,omitempty"` // of an ending
	Reason string  `json:"reason,omitempty"` // of an ending that is the platform's fault
	Usage  *Usage  `json:"usage,omitempty"`  // nil: not known
	Output *Output `json:"output,omitempty"` // nil: not known
}

// Report returns what e means to a saga, and false if nothing. Sagas are not
// told what they said themselves, nor that a pod exists: each report costs a
// workflow task, and that one would change nothing.
func (e Event) Report() (Report, bool) {
	r := Report{Fact: e.fact(), Usage: e.Usage, Output: e.Output}
	if r.Output != nil && len(r.Output.Artifacts) > 0 { // names of files are a script's words, and histories have none
		light := *r.Output
		light.Artifacts = nil
		r.Output = &light
	}
	if e.Outcome != nil {
		r.Status = e.Outcome.Status
		if r.Status == Errored {
			r.Reason = e.Outcome.Reason
		}
	}
	return r, e.Source != SourceSaga && (r.Fact != "" || r.Usage != nil)
}

func (e Event) fact() Fact {
	switch {
	case e.Outcome != nil:
		return Finished
	case e.Type == PodRunning:
		return Started
	case e.Type == ResultStored:
		return Stored
	case e.Type == PodDeleted:
		return Gone
	default:
		return ""
	}
}
