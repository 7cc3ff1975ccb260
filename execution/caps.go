package execution

// InputCaps is what a submission may hold at most.
type InputCaps struct {
	ScriptCharacters int `json:"script_characters"`
	ScriptBytes      int `json:"script_bytes"`
	Args             int `json:"args"`
	ArgBytes         int `json:"arg_bytes"`
	Env              int `json:"env"`
	Files            int `json:"files"`
	Labels           int `json:"labels"`
	LabelBytes       int `json:"label_bytes"`    // of a name, and of a value
	TotalBytes       int `json:"total_bytes"`    // of script, stdin, args, env and files together
	ExpectedBytes    int `json:"expected_bytes"` // of what a run should print
	FeedBytes        int `json:"feed_bytes"`     // of what is sent to a script that runs, each time
	DelaySeconds     int `json:"delay_seconds"`  // from the submission to scheduled_at
	Attempts         int `json:"attempts"`       // of a run, the first included
}

// MaxInput are those caps (parity EX-01, EX-03, EX-04 and EX-31). The total is
// such that it fits one Kafka record and one ConfigMap, each of 1 MiB.
var MaxInput = InputCaps{
	ScriptCharacters: 50_000, ScriptBytes: 200_000, Args: 64, ArgBytes: 4 << 10, Env: 64, Files: 32,
	Labels: 16, LabelBytes: 63, TotalBytes: 900 << 10, ExpectedBytes: 1 << 20, FeedBytes: MaxFeedBytes,
	DelaySeconds: 30 * 24 * 60 * 60, Attempts: 5,
}

// ArtifactCaps is what is kept at most of the files that a script leaves.
type ArtifactCaps struct {
	Files int `json:"files"`
	Bytes int `json:"bytes"` // of all together
}

// MaxArtifacts are those caps (parity EX-32).
var MaxArtifacts = ArtifactCaps{Files: 32, Bytes: 10 << 20}
