package client

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// replayPath is the path of a session of replays, or of something of it.
func replayPath(id, of string) string { return "/admin/replays/" + url.PathEscape(id) + of }

// replayBody is a session to make.
type replayBody struct {
	Name     string                 `json:"name,omitempty"`
	Filter   execution.EventQuery   `json:"filter"`
	Target   execution.ReplayTarget `json:"target"`
	Speed    float64                `json:"speed_multiplier"`
	Preserve bool                   `json:"preserve_timestamps,omitempty"`
	Batch    int                    `json:"batch_size"`
	Max      int64                  `json:"max_events,omitempty"`
	Skip     bool                   `json:"skip_errors"`
	Retry    bool                   `json:"retry_failed,omitempty"`
	Attempts int                    `json:"retry_attempts"`
	Start    bool                   `json:"start,omitempty"`
}

// replayProgress is how far a session is: what the client needs of it.
type replayProgress struct {
	Status     execution.ReplayStatus    `json:"status"`
	Total      int64                     `json:"total"`
	Replayed   int64                     `json:"replayed"`
	Failed     int64                     `json:"failed"`
	Skipped    int64                     `json:"skipped"`
	Percentage float64                   `json:"progress_percentage"`
	Rate       *float64                  `json:"events_per_second"`
	ETA        *float64                  `json:"eta_seconds"`
	Errors     []execution.ReplayFailure `json:"errors"`
}

// line is all of it in one line.
func (p replayProgress) line() string {
	parts := []string{string(p.Status), fmt.Sprintf("%.1f %%", p.Percentage), of(fmt.Sprint(p.Replayed), fmt.Sprint(p.Total), true)}
	for _, n := range []struct {
		n    int64
		what string
	}{{p.Failed, "failed"}, {p.Skipped, "skipped"}} {
		if n.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n.n, n.what))
		}
	}
	if p.Rate != nil {
		parts = append(parts, fmt.Sprintf("%.0f/s", *p.Rate))
	}
	if p.ETA != nil {
		parts = append(parts, "ETA "+secondsText(*p.ETA))
	}
	return strings.Join(parts, ", ")
}

// replayView is a session as the API shows it: what the client needs of it.
type replayView struct {
	ID       string                 `json:"id"`
	Name     string                 `json:"name"`
	Type     string                 `json:"type"`
	Status   execution.ReplayStatus `json:"status"`
	Target   execution.ReplayTarget `json:"target"`
	Speed    float64                `json:"speed_multiplier"`
	By       string                 `json:"created_by"`
	At       time.Time              `json:"created_at"`
	Started  *time.Time             `json:"started_at"`
	Ended    *time.Time             `json:"ended_at"`
	Error    string                 `json:"error"`
	Duration *float64               `json:"duration_seconds"`
	Progress replayProgress         `json:"progress"`
}

// where names a target.
func where(t execution.ReplayTarget) string { return strings.TrimSpace(t.Kind + " " + t.Topic + t.URL) }

// took is how long the session has gone on.
func (v replayView) took() string {
	if v.Duration == nil {
		return ""
	}
	return secondsText(*v.Duration)
}

// define adds the flags of a session.
func (b *replayBody) define(fs *flag.FlagSet) {
	several := func(to *[]execution.EventType) func(string) error {
		return func(s string) error {
			*to = append(*to, execution.EventType(s))
			return nil
		}
	}
	at := func(to *time.Time) func(string) error {
		return func(s string) (err error) {
			*to, err = moment(s)
			return err
		}
	}
	fs.Func("execution", "only events of the run with this `ID`", func(s string) error { b.Filter.ExecutionID = execution.ID(s); return nil })
	fs.Func("event", "only the event with this `ID`; repeatable", func(s string) error { b.Filter.EventIDs = append(b.Filter.EventIDs, s); return nil })
	fs.StringVar(&b.Filter.UserID, "user", "", "only events of runs of this `USER`")
	fs.StringVar(&b.Filter.Service, "service", "", "only events from this `SOURCE`: saga, kube, results or web")
	fs.Func("type", "only events of this `TYPE`; repeatable", several(&b.Filter.Types))
	fs.Func("not-type", "no events of this `TYPE`; repeatable", several(&b.Filter.ExcludeTypes))
	fs.Func("from", "only events since this `TIME`", at(&b.Filter.From))
	fs.Func("to", "only events before this `TIME`", at(&b.Filter.To))
	fs.StringVar(&b.Filter.Text, "text", "", "only events with these `WORDS`")
	fs.StringVar(&b.Target.Kind, "target", "", "`KIND`: kafka, projection, callback, file or test (default what --topic or --url say, else test)")
	fs.StringVar(&b.Target.Topic, "topic", "", "`NAME` of a topic of replays, such as replay.mine")
	fs.IntVar(&b.Target.Partitions, "partitions", 0, "`N` that the topic has if it is made (default 3)")
	fs.StringVar(&b.Target.URL, "url", "", "`URL` that is told of each batch")
	fs.Float64Var(&b.Speed, "speed", 1, "`TIMES` as fast as it was, 0.1 to 100; 100: as fast as it goes")
	fs.BoolVar(&b.Preserve, "preserve-timestamps", false, "messages have the times of the originals")
	fs.IntVar(&b.Batch, "batch", 100, "`N` events at a time")
	fs.Int64Var(&b.Max, "max", 0, "at most `N` events (default all)")
	fs.BoolVar(&b.Skip, "skip-errors", true, "go on behind an event that cannot be written")
	fs.BoolVar(&b.Retry, "retry-failed", false, "try those again at the end")
	fs.IntVar(&b.Attempts, "retry-attempts", 3, "`N` times, at most")
}

// kind is what the flags say without saying it.
func (b *replayBody) kind() {
	switch t := &b.Target; {
	case t.Kind != "":
	case t.Topic != "":
		t.Kind = "kafka"
	case t.URL != "":
		t.Kind = "callback"
	default:
		t.Kind = "test"
	}
}

// doReplayCreate makes a session.
func doReplayCreate(ctx context.Context, c *call, args []string) error {
	var b replayBody
	fs := c.flags()
	b.define(fs)
	fs.BoolVar(&b.Start, "start", false, "start it at once")
	watch := fs.Bool("watch", false, "start it at once, and watch it to its end")
	asJSON := fs.Bool("json", false, jsonHelp)
	rest, err := c.parseMixed(fs, args, 1, 1)
	if err != nil {
		return err
	}
	b.kind()
	b.Name, b.Start = rest[0], b.Start || *watch
	var raw json.RawMessage
	if err := c.send(ctx, http.MethodPost, "/admin/replays", b, &raw); err != nil {
		return err
	}
	var v replayView
	if err := json.Unmarshal(raw, &v); err != nil || v.ID == "" {
		return fmt.Errorf("the answer names no replay: %s", raw[:min(200, len(raw))])
	}
	switch {
	case *watch:
		return c.watchReplay(ctx, v.ID, *asJSON)
	case *asJSON:
		return c.printJSON(raw)
	default:
		return c.printf("%s\n", oneLine(v.ID))
	}
}

// doReplayPreview shows what a session would do.
func doReplayPreview(ctx context.Context, c *call, args []string) error {
	var b replayBody
	fs := c.flags()
	b.define(fs)
	asJSON := fs.Bool("json", false, jsonHelp)
	if _, err := c.parseMixed(fs, args, 0, 0); err != nil {
		return err
	}
	b.kind()
	var raw json.RawMessage
	if err := c.send(ctx, http.MethodPost, "/admin/replays/preview", b, &raw); err != nil || *asJSON {
		if err == nil {
			err = c.printJSON(raw)
		}
		return err
	}
	var p struct {
		Matched int64                  `json:"matched"`
		Count   int64                  `json:"count"`
		Batches int64                  `json:"batches"`
		Target  execution.ReplayTarget `json:"target"`
		Events  []execution.Recorded   `json:"events"`
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return fmt.Errorf("preview: %w", err)
	}
	var f facts
	f.add("matched", fmt.Sprint(p.Matched))
	f.add("would be replayed", fmt.Sprint(p.Count))
	f.add("in batches", fmt.Sprint(p.Batches))
	f.add("to", where(p.Target))
	rows := [][]string{{"RECORDED", "TYPE", "RUN", "SOURCE"}}
	for _, e := range p.Events {
		rows = append(rows, []string{stamp(&e.RecordedAt), string(e.Type), string(e.ExecutionID), e.Source})
	}
	return c.printTables(f, rows)
}

// doReplayList lists sessions.
func doReplayList(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	l := listing{path: "/admin/replays", most: 1000}
	l.define(fs, "replays")
	filter(fs, l.query, "status", "status", "only replays of this `STATUS`")
	if _, err := c.parseMixed(fs, args, 0, 0); err != nil {
		return err
	}
	items, show, err := l.read(ctx, c)
	if err != nil || !show {
		return err
	}
	rows, err := each(items, []string{"ID", "NAME", "STATUS", "TARGET", "EVENTS", "DONE", "FAILED", "TOOK"}, func(v replayView) []string {
		p := v.Progress
		return []string{v.ID, v.Name, string(v.Status), where(v.Target), fmt.Sprint(p.Total), fmt.Sprintf("%.0f %%", p.Percentage), fmt.Sprint(p.Failed), v.took()}
	})
	if err != nil {
		return err
	}
	return c.printTable(rows)
}

// doReplayShow shows one session.
func doReplayShow(ctx context.Context, c *call, args []string) error {
	var v replayView
	show, err := c.one(ctx, args, func(id string) string { return replayPath(id, "") }, &v)
	if err != nil || !show {
		return err
	}
	v.Progress.Status = v.Status
	var f facts
	f.add("id", v.ID)
	f.add("name", v.Name)
	f.add("type", v.Type)
	f.add("target", where(v.Target))
	f.add("speed", strconv.FormatFloat(v.Speed, 'g', -1, 64)+"×")
	f.add("by", v.By)
	f.add("created", stamp(&v.At))
	f.add("started", stamp(v.Started))
	f.add("ended", stamp(v.Ended))
	f.add("took", v.took())
	f.add("progress", v.Progress.line())
	f.add("error", v.Error)
	for _, e := range v.Progress.Errors {
		f.add("failed", e.EventID+": "+e.Reason)
	}
	return c.printTable(f)
}

// doReplayVerb starts, pauses, resumes or cancels a session, or has it try again
// what failed.
func doReplayVerb(ctx context.Context, c *call, args []string) error {
	rest, err := c.parseMixed(c.flags(), args, 1, 1)
	if err != nil {
		return err
	}
	return c.post(ctx, replayPath(rest[0], "/"+strings.TrimPrefix(c.cmd.Name, "replay ")), nil)
}
