package execution

// Check reports all that is wrong with p, as a FieldErrors, or nil.
func (p PoolPolicy) Check() error {
	var errs FieldErrors
	between := func(field string, n, low, high float64) {
		errs.add(n >= low && n <= high, field, "%.0f..%.0f", low, high) // and no NaN
	}
	between("max_executions", float64(p.Executions), 1, 1000)
	between("cpu_millis", float64(p.CPUMillis), 0, 1e9)
	between("memory_bytes", float64(p.MemoryBytes), 0, 1<<50)
	between("max_running_per_user", float64(p.UserRunning), 0, 100)
	between("max_queued_per_user", float64(p.UserQueued), 0, 10_000)
	between("max_queued", float64(p.Queued), 0, 1_000_000)
	between("max_queue_seconds", p.MaxQueueSeconds, 0, 30*24*3600)
	between("ageing_seconds", p.AgeingSeconds, 0, 24*3600)
	errs.add(len(p.PausedLanguages) <= 100, "paused_languages", "at most 100")
	errs.add(len(p.Weights) <= 1000, "weights", "at most 1000")
	users := map[string]bool{}
	for _, w := range p.Weights {
		errs.add(ValidUser(w.UserID), "weights.user_id", "1 to 128 of A-Z, a-z, 0-9, . _ @ and -")
		errs.add(!users[w.UserID], "weights.user_id", "each user once")
		errs.add(w.Weight >= 0.01 && w.Weight <= 100, "weights.weight", "0.01..100")
		users[w.UserID] = true
	}
	if len(errs) > 0 {
		return errs
	}
	return nil
}
