package execution

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"
)

// DefaultRedrivePolicies are those of parity DL-03, and of what no try can
// help: a message that is wrong is parked at once, until a person says that its
// reader has been mended.
var DefaultRedrivePolicies = func() (all []RedrivePolicy) {
	for _, class := range []Kind{Invalid, Malformed, TooLarge} {
		all = append(all, RedrivePolicy{Class: string(class), Strategy: RedriveExponential, Initial: 30, Max: 300, Multiplier: 2})
	}
	for _, topic := range []string{"execution_events", "execution_tasks"} {
		all = append(all, RedrivePolicy{Topic: topic, Strategy: RedriveExponential, MaxRetries: 5, Initial: 30, Max: 300, Multiplier: 2})
	}
	all = append(all,
		RedrivePolicy{Type: "pod_*", Strategy: RedriveExponential, MaxRetries: 3, Initial: 60, Max: 600, Multiplier: 3},
		RedrivePolicy{Topic: "result_stored", Strategy: RedriveImmediate, MaxRetries: 3, Max: 1, Multiplier: 1},
		RedrivePolicy{Strategy: RedriveExponential, MaxRetries: 4, Initial: 60, Max: 1800, Multiplier: 2.5},
	)
	for i := range all {
		all[i].ID = RedrivePolicyID(all[i])
	}
	return all
}()

// RedrivePolicyID is a function of what p matches.
func RedrivePolicyID(p RedrivePolicy) string {
	var parts []string
	for _, part := range []struct{ name, value string }{{"class", p.Class}, {"type", p.Type}, {"topic", p.Topic}} {
		if part.value != "" {
			parts = append(parts, part.name+":"+part.value)
		}
	}
	return cmp.Or(strings.Join(parts, ","), "rest")
}

// Validate says what is wrong with p, as FieldErrors; topics are those that
// there are.
func (p RedrivePolicy) Validate(topics []string) error {
	var wrong FieldErrors
	check := func(ok bool, field, rule string) {
		if !ok {
			wrong = append(wrong, FieldError{Field: field, Rule: rule})
		}
	}
	check(p.Topic == "" || slices.Contains(topics, p.Topic), "topic", "one of "+strings.Join(topics, ", "))
	check(p.Type == "" || slices.ContainsFunc(EventKinds, func(k EventKind) bool { return p.matchesType(string(k.Type)) }), "event_type", "a type of events, or the beginning of some and a *")
	check(p.Class == "" || slices.Contains(kinds, Kind(p.Class)), "error_class", fmt.Sprintf("one of %v", kinds))
	check(slices.Contains(redriveStrategies, p.Strategy), "strategy", fmt.Sprintf("one of %v", redriveStrategies))
	check(p.MaxRetries >= 0 && p.MaxRetries <= 20, "max_retries", "0..20")
	if p.Strategy == RedriveFixed || p.Strategy == RedriveExponential {
		check(p.Initial >= 1 && p.Initial <= 86400, "initial_delay_seconds", "1..86400")
	}
	if p.Strategy == RedriveExponential {
		check(p.Max >= p.Initial && p.Max <= 7*86400, "max_delay_seconds", "initial_delay_seconds..604800")
		check(p.Multiplier >= 1 && p.Multiplier <= 10, "multiplier", "1..10")
	}
	if p.Strategy == RedriveScheduled {
		_, err := time.Parse("15:04", p.At)
		check(err == nil, "at", "a time of day in UTC, such as 03:30")
	}
	if len(wrong) > 0 {
		return wrong
	}
	return nil
}

var redriveStrategies = []RedriveStrategy{RedriveImmediate, RedriveFixed, RedriveExponential, RedriveScheduled, RedriveManual}

var kinds = []Kind{Internal, Malformed, Invalid, NotFound, Conflict, TooLarge, Unavailable, Exhausted, Forbidden}

func (p RedrivePolicy) matchesType(t string) bool {
	begin, more := strings.CutSuffix(p.Type, "*")
	return t == p.Type || more && strings.HasPrefix(t, begin)
}

// matches reports whether p is for l, and how special it is. The topics of
// tasks of all pools are one.
func (p RedrivePolicy) matches(l Letter) (special int, ok bool) {
	if p.Class != "" {
		if special += 4; p.Class != l.Class {
			return 0, false
		}
	}
	if p.Type != "" {
		if special += 2; !p.matchesType(l.EventType) {
			return 0, false
		}
	}
	if p.Topic != "" {
		if special++; p.Topic != l.Origin.Topic && !strings.HasPrefix(l.Origin.Topic, p.Topic+".") {
			return 0, false
		}
	}
	return special, true
}

// PolicyOf is the most special of policies that is for l: a class of errors says
// more than a type, and a type more than a topic. There is always one, because
// the last of the defaults is for all.
func PolicyOf(policies []RedrivePolicy, l Letter) (found RedrivePolicy) {
	best := -1
	for _, p := range append(slices.Clone(policies), DefaultRedrivePolicies...) { // so that of two alike the first counts
		if special, ok := p.matches(l); ok && special > best {
			best, found = special, p
		}
	}
	return found
}

// Next is when l is redriven again after now, if that is planned; without, why
// not: it is parked, or waits for a person.
func (p RedrivePolicy) Next(l Letter, now time.Time) (due time.Time, status LetterStatus, why string) {
	switch {
	case p.Strategy == RedriveManual:
		return due, LetterPending, ""
	case l.Tries >= p.MaxRetries && p.MaxRetries == 0:
		return due, LetterParked, "another try would not help: " + p.ID
	case l.Tries >= p.MaxRetries:
		return due, LetterParked, fmt.Sprintf("%d tries did not help: %s", l.Tries, p.ID)
	}
	return now.Add(p.delay(l, now)).UTC().Truncate(time.Millisecond), LetterScheduled, ""
}

// delay is the time before the next redrive of l. Its jitter is a function of
// the letter and the round, so that it is the same wherever it is asked for.
func (p RedrivePolicy) delay(l Letter, now time.Time) time.Duration {
	switch p.Strategy {
	case RedriveFixed:
		return seconds(p.Initial)
	case RedriveExponential:
		wait := p.Initial
		for range l.Tries {
			wait = min(wait*p.Multiplier, p.Max)
		}
		h := fnv.New32a()
		_, _ = fmt.Fprintf(h, "%s/%d", l.ID, l.Round)
		return seconds(min(wait*(0.9+0.2*float64(h.Sum32()%1000)/999), p.Max))
	case RedriveScheduled:
		at, _ := time.Parse("15:04", p.At) // as Validate has seen
		now = now.UTC()
		next := time.Date(now.Year(), now.Month(), now.Day(), at.Hour(), at.Minute(), 0, 0, time.UTC)
		if !next.After(now) {
			next = next.AddDate(0, 0, 1)
		}
		return next.Sub(now)
	}
	return 0
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
