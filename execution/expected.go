package execution

// Expected is what a run should print: judge mode.
type Expected struct {
	Stdout     string  `bson:"stdout"`
	Comparison string  `bson:"comparison"`          // exact, trim, tokens or float
	Tolerance  float64 `bson:"tolerance,omitempty"` // of float, absolute or relative, whichever is larger
}
