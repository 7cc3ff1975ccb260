package kube

// Settings are what may differ between two clusters.
type Settings struct {
	RunnerImage    string // has the runner as /runner; mounted read-only into each pod
	RuntimeClass   string // such as gvisor; empty: the cluster's default
	UserNamespaces bool   // the nodes can give each pod users of its own (hostUsers: false)
	InitContainer  bool   // the nodes have no image volumes (before 1.33): the runner copies itself
	GraceSeconds   int64  // between SIGTERM and SIGKILL; 0: 3
	StartSeconds   int64  // from the creation of a pod to the start of its container; 0: 60
}

// withDefaults fills in what is 0. The runner gives a script 2 s of the grace,
// and needs the rest to tell of its end.
func (s Settings) withDefaults() Settings {
	if s.GraceSeconds == 0 {
		s.GraceSeconds = 3
	}
	if s.StartSeconds == 0 {
		s.StartSeconds = 60
	}
	return s
}
