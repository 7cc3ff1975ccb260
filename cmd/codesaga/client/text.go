package client

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// row is x in a list.
func (x view) row(now time.Time) []string {
	return []string{
		string(x.ID), string(x.Status), strings.TrimSpace(x.Language + " " + x.Version),
		age(now.Sub(x.CreatedAt)), x.duration(now), x.exitText(),
	}
}

// facts are rows of a name and a value.
type facts [][]string

// add adds one, unless it has no value.
func (f *facts) add(name, value string) {
	if value != "" {
		*f = append(*f, []string{name, value})
	}
}

// describe is x with all that a reader asks for, but its output.
func (x view) describe() [][]string {
	var f facts
	f.add("id", string(x.ID))
	f.add("status", with(string(x.Status), x.ErrorType))
	f.add("language", strings.TrimSpace(x.Language+" "+x.Version))
	f.add("entry point", x.EntryPoint)
	f.add("limit", x.Limit)
	f.add("reason", x.Reason)
	f.add("message", x.Message)
	f.add("user", x.UserID)
	f.add("priority", x.Priority)
	f.add("pool", x.Pool)
	for _, name := range slices.Sorted(maps.Keys(x.Labels)) {
		f.add("label", name+"="+x.Labels[name])
	}
	x.origin(&f)
	if x.Interactive {
		f.add("interactive", "yes")
	}
	for _, e := range x.Network.Egress {
		f.add("egress", egressText(e))
	}
	f.add("callback", x.CallbackURL)
	if x.Queue != nil {
		f.add("queue", fmt.Sprintf("position %d, about %.0f s", x.Queue.Position, x.Queue.ETASeconds))
	}
	if x.Waiting != nil {
		f.add("waiting for", with(x.Waiting.Reason, x.Waiting.Message))
	}
	f.add("created", stamp(&x.CreatedAt))
	f.add("not before", stamp(x.ScheduledFor))
	f.add("scheduled", stamp(x.ScheduledAt))
	f.add("started", stamp(x.StartedAt))
	f.add("finished", stamp(x.FinishedAt))
	if x.Result != nil {
		x.outcome(&f)
	}
	return f
}

// origin adds what made x, and what is made of it.
func (x view) origin(f *facts) {
	if x.Attempt > 1 || x.ParentID != "" {
		f.add("attempt", fmt.Sprintf("%d, of %s", x.Attempt, x.ParentID))
	}
	if x.Retry.MaxAttempts > 1 {
		text := fmt.Sprintf("up to %d attempts", x.Retry.MaxAttempts)
		if x.Retry.OnLoss {
			text += ", also when the node is lost"
		}
		f.add("retry", text)
	}
	for _, id := range x.Retries {
		f.add("retried as", string(id))
	}
	f.add("schedule", x.ScheduleID)
	f.add("trace", cmp.Or(x.TraceURL, x.TraceID))
	if x.BatchIndex != nil && x.BatchID != "" {
		f.add("batch", fmt.Sprintf("%s, item %d", x.BatchID, *x.BatchIndex))
	}
}

// outcome adds how x ended and what it took.
func (x view) outcome(f *facts) {
	r := x.Result
	f.add("exit code", x.exitText())
	f.add("signal", r.Signal)
	if r.Judge != nil {
		f.add("judge", with(r.Judge.verdict(), r.Judge.Detail))
	}
	f.add("wall time", measured(r.WallSeconds, secondsText))
	f.add("CPU time", measured(r.CPUSeconds, secondsText))
	f.add("peak memory", measured(r.PeakMemoryBytes, bytesText))
	f.add("compile time", measured(r.CompileWall, secondsText))
	f.add("compile CPU", measured(r.CompileCPU, secondsText))
	f.add("queue time", measured(r.QueueSeconds, secondsText))
	f.add("GiB-seconds", measured(r.GiBSeconds, figure))
	for _, s := range printed {
		n, truncated := x.printed(s)
		if s == execution.Compile && n == 0 {
			continue // most languages are not compiled
		}
		text := fmt.Sprintf("%d bytes", n)
		if truncated {
			text += ", not all kept"
		}
		f.add(string(s), text)
	}
	for _, a := range r.Artifacts {
		f.add("artifact", a.Path+", "+bytesText(a.Bytes))
	}
	if r.ArtifactsSkipped > 0 {
		f.add("artifacts", fmt.Sprintf("%d more were not kept", r.ArtifactsSkipped))
	}
}

// verdict is one word.
func (j judge) verdict() string {
	if j.Passed {
		return "passed"
	}
	return "failed"
}

// detail is what there is to say of e beside its type.
func detail(e execution.Event) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if q := e.Queue; q != nil {
		add("position %d", q.Position)
	}
	if p := e.Pod; p != nil {
		add("%s", p.Name)
		for _, s := range []string{p.Node, p.Reason, p.Message} {
			if s != "" {
				add("%s", s)
			}
		}
	}
	if o := e.Outcome; o != nil {
		for _, s := range []string{o.ErrorType, o.Limit, o.Reason, o.Message, o.Signal} {
			if s != "" {
				add("%s", s)
			}
		}
		if o.ExitCode != nil {
			add("exit code %d", *o.ExitCode)
		}
	}
	if s := e.Saga; s != nil {
		add("%s", strings.TrimSpace(s.Step+" "+s.Cause))
	}
	return strings.Join(parts, ", ")
}

// exitText is the exit code, or nothing.
func (x view) exitText() string {
	if x.Result == nil || x.Result.ExitCode == nil {
		return ""
	}
	return strconv.Itoa(*x.Result.ExitCode)
}

// duration is how long the script ran, or has run until now.
func (x view) duration(now time.Time) string {
	switch {
	case x.StartedAt == nil:
		return ""
	case x.FinishedAt != nil:
		now = *x.FinishedAt
	case x.Status.Terminal():
		return ""
	}
	return seconds(now.Sub(*x.StartedAt))
}

// age is how long ago something was, in its largest unit.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", max(0, d/time.Second))
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	default:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
}

// seconds is d with a precision of three digits or so.
func seconds(d time.Duration) string {
	switch d = max(0, d); {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	default:
		return d.Round(time.Second).String()
	}
}

func secondsText(s float64) string { return seconds(time.Duration(s * float64(time.Second))) }

// figure is n with few digits.
func figure(n float64) string { return strconv.FormatFloat(math.Round(1000*n)/1000, 'f', -1, 64) }

// measured is the text of n, if there is one.
func measured[N int64 | float64](n *N, text func(N) string) string {
	if n == nil {
		return ""
	}
	return text(*n)
}

func stamp(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// bytesText is n in a unit that gives few digits.
func bytesText(n int64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB"}
	f, i := float64(n), 0
	for ; f >= 1024 && i < len(units)-1; i++ {
		f /= 1024
	}
	return strconv.FormatFloat(math.Round(10*f)/10, 'f', -1, 64) + " " + units[i]
}
