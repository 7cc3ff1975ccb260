package execution

import (
	"regexp"
	"slices"
	"strings"
)

// ReplayRules are what an installation allows targets to be.
type ReplayRules struct {
	Prefix     string                 // of topics
	Production []string               // topics that are never replayed to
	URL        func(url string) error // what is wrong with one; nil: no receiver may be told
}

var topicName = regexp.MustCompile(`^[a-z0-9._-]{1,200}$`)

// Validate returns what is wrong with r, as FieldErrors, or nil.
func (r Replay) Validate(rules ReplayRules) error {
	var wrong FieldErrors
	wrong.add(r.Name != "" && len(r.Name) <= maxReplayName && !strings.ContainsAny(r.Name, "\x00\r\n"), "name", "1 to %d bytes in one line", maxReplayName)
	wrong.add(!r.Filter.Empty(), "filter", "must choose by something")
	if fields, ok := r.Filter.Validate().(FieldErrors); ok { //nolint:errorlint // it is that or nil
		for _, f := range fields {
			wrong = append(wrong, FieldError{Field: "filter." + f.Field, Rule: f.Rule})
		}
	}
	wrong.add(slices.Contains(ReplayTypes, r.Type), "type", "one of %s", strings.Join(ReplayTypes, ", "))
	if field, ok := r.chooses(); !ok {
		wrong.add(false, "filter."+field, "is needed by the type %s", r.Type)
	}
	wrong.add(r.Speed >= 0.1 && r.Speed <= FullSpeed, "speed_multiplier", "0.1..%d", FullSpeed)
	wrong.add(r.Batch >= 1 && r.Batch <= maxReplayBatch, "batch_size", "1..%d", maxReplayBatch)
	wrong.add(r.Max >= 0, "max_events", "at least 1")
	wrong.add(r.Attempts >= 1 && r.Attempts <= maxReplayAttempts, "retry_attempts", "1..%d", maxReplayAttempts)
	if wrong = append(wrong, r.Target.check(rules)...); len(wrong) > 0 {
		return wrong
	}
	return nil
}

// chooses reports whether the filter has what the type says, and what that is.
func (r Replay) chooses() (field string, ok bool) {
	f := r.Filter
	switch r.Type {
	case "execution":
		return "execution_id", f.ExecutionID != ""
	case "time_range":
		return "from", !f.From.IsZero() || !f.To.IsZero()
	case "event_type":
		return "event_types", len(f.Types)+len(f.ExcludeTypes) > 0
	case "user":
		return "user_id", f.UserID != ""
	case "query":
		return "text", f.Text != "" || f.Service != ""
	case "ids":
		return "event_ids", len(f.EventIDs) > 0
	default:
		return "", true
	}
}

// ReplayTypeOf is the type that q is of, if nobody says another.
func ReplayTypeOf(q EventQuery) string {
	for _, t := range []string{"ids", "execution", "query", "user", "event_type"} {
		if _, ok := (Replay{Type: t, Filter: q}).chooses(); ok {
			return t
		}
	}
	return "time_range"
}

func (t ReplayTarget) check(rules ReplayRules) (wrong FieldErrors) {
	wrong.add(slices.Contains(ReplayTargets, t.Kind), "target.kind", "one of %s", strings.Join(ReplayTargets, ", "))
	kafka := t.Kind == "kafka"
	wrong.add(kafka || t.Topic == "", "target.topic", "only of the kind kafka")
	wrong.add(kafka || t.Partitions == 0, "target.partitions", "only of the kind kafka")
	wrong.add(!kafka || t.Partitions >= 1 && t.Partitions <= MaxReplayParts, "target.partitions", "1..%d", MaxReplayParts)
	switch {
	case !kafka:
	case slices.Contains(rules.Production, t.Topic):
		wrong.add(false, "target.topic", "is a topic that the platform listens to: nothing is ever replayed there")
	default:
		ok := strings.HasPrefix(t.Topic, rules.Prefix) && len(t.Topic) > len(rules.Prefix) && topicName.MatchString(t.Topic)
		wrong.add(ok, "target.topic", "begins with %s and has at most 200 of a-z, 0-9, dot, _ and -", rules.Prefix)
	}
	switch {
	case t.Kind != "callback":
		wrong.add(t.URL == "", "target.url", "only of the kind callback")
	case rules.URL == nil:
		wrong.add(false, "target.url", "there are no callbacks: they are not set up")
	default:
		if err := rules.URL(t.URL); err != nil {
			wrong.add(false, "target.url", "%s", err.Error())
		}
	}
	return wrong
}
