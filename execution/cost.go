package execution

// QueueSeconds is how long x waited, from the time that it could have run, until
// its task was sent; ok is false if it was not.
func (x Execution) QueueSeconds() (seconds float64, ok bool) {
	if x.ScheduledAt == nil {
		return 0, false
	}
	from := x.CreatedAt
	if x.NotBefore != nil && x.NotBefore.After(from) {
		from = *x.NotBefore
	}
	return max(0, x.ScheduledAt.Sub(from).Seconds()), true
}

// GiBSeconds is the memory that x could have, in GiB, times how long it had it,
// the compile step included; ok is false if that was not measured.
func (x Execution) GiBSeconds() (amount float64, ok bool) {
	if x.Usage == nil {
		return 0, false
	}
	return float64(x.Limits.MemoryBytes) / (1 << 30) * (x.Usage.WallSeconds + x.Usage.CompileWall), true
}
