package client

import (
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

// describe is x with all that a reader asks for, but its output.
func (x view) describe() [][]string {
	rows := [][]string{
		{"id", string(x.ID)},
		{"status", with(string(x.Status), x.ErrorType)},
		{"language", strings.TrimSpace(x.Language + " " + x.Version)},
	}
	add := func(name, value string) {
		if value != "" {
			rows = append(rows, []string{name, value})
		}
	}
	add("limit", x.Limit)
	add("reason", x.Reason)
	add("message", x.Message)
	add("user", x.UserID)
	add("priority", x.Priority)
	add("pool", x.Pool)
	for _, name := range slices.Sorted(maps.Keys(x.Labels)) {
		add("label", name+"="+x.Labels[name])
	}
	if x.Attempt > 1 || x.ParentID != "" {
		add("attempt", fmt.Sprintf("%d, of %s", x.Attempt, x.ParentID))
	}
	if x.Queue != nil {
		add("queue", fmt.Sprintf("position %d, about %.0f s", x.Queue.Position, x.Queue.ETASeconds))
	}
	add("created", stamp(&x.CreatedAt))
	add("scheduled", stamp(x.ScheduledAt))
	add("started", stamp(x.StartedAt))
	add("finished", stamp(x.FinishedAt))
	if r := x.Result; r != nil {
		add("exit code", x.exitText())
		add("signal", r.Signal)
		add("wall time", measured(r.WallSeconds, secondsText))
		add("CPU time", measured(r.CPUSeconds, secondsText))
		add("peak memory", measured(r.PeakMemoryBytes, bytesText))
		for _, s := range []execution.Stream{execution.Stdout, execution.Stderr} {
			n, truncated := x.printed(s)
			text := fmt.Sprintf("%d bytes", n)
			if truncated {
				text += ", not all kept"
			}
			add(string(s), text)
		}
	}
	return rows
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
