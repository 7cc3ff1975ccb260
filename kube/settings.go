package kube

import "time"

// Settings are what may differ between two pools, and between two clusters.
type Settings struct {
	RunnerImage    string            // has the runner as /runner; mounted read-only into each pod
	RuntimeClass   string            // such as gvisor; empty: the cluster's default
	NodeSelector   map[string]string // of the nodes that pods may run on; empty: all
	UserNamespaces bool              // the nodes can give each pod users of its own (hostUsers: false)
	InitContainer  bool              // the nodes have no image volumes (before 1.33): the runner copies itself
	GraceSeconds   int64             // between SIGTERM and SIGKILL; 0: 3
	StartSeconds   int64             // from the creation of a pod to the start of its container; 0: 60
	NodeSeconds    int64             // that a node may be silent before what runs there is lost; 0: 60
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
	if s.NodeSeconds == 0 {
		s.NodeSeconds = 60
	}
	return s
}

// start is how long a pod may take to start its container.
func (s Settings) start() time.Duration {
	return time.Duration(s.withDefaults().StartSeconds) * time.Second
}
