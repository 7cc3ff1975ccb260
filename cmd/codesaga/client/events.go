package client

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/codesaga/codesaga/execution"
)

// eventFilters adds the flags that choose among events.
func eventFilters(fs *flag.FlagSet, query url.Values) {
	many := func(name, param, help string) {
		fs.Func(name, help, func(value string) error {
			query.Add(param, value)
			return nil
		})
	}
	many("type", "event_type", "only events of this `TYPE`; repeatable")
	many("not-type", "exclude_event_type", "no events of this `TYPE`; repeatable")
	filter(fs, query, "execution", "execution_id", "only events of the run `ID`")
	filter(fs, query, "service", "service", "only events that this `SERVICE` tells of: saga, kube, results or web")
	filter(fs, query, "correlation", "correlation_id", "only events that came of the request with this `ID`")
	filter(fs, query, "text", "text", "only events with these `WORDS`, or their beginnings")
	fs.Func("from", "only what was published since this `TIME`", day(query, "from"))
	fs.Func("to", "only what was published before this `TIME`", day(query, "to"))
	fs.BoolFunc("oldest-first", "begin with the oldest", func(value string) error {
		first, err := strconv.ParseBool(value)
		if query.Del("order"); first {
			query.Set("order", "oldest")
		}
		return err
	})
}

var eventHead = []string{"TIME", "EXECUTION", "USER", "SERVICE", "EVENT", "DETAIL"}

func eventRow(e execution.Event) []string {
	return []string{e.At.UTC().Format("2006-01-02T15:04:05.000Z"), string(e.ExecutionID), e.UserID, e.Source, string(e.Type), detail(e)}
}

// doEventsList shows what happened to runs: one's own, or all.
func doEventsList(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	l := listing{path: "/events", most: 500}
	l.define(fs, "events")
	eventFilters(fs, l.query)
	whose(fs, l.query)
	if _, err := c.parseMixed(fs, args, 0, 0); err != nil {
		return err
	}
	if l.query.Has("all") || l.query.Has("user_id") {
		l.path = "/admin/events"
		l.query.Del("all")
	}
	items, show, err := l.read(ctx, c)
	if err != nil || !show {
		return err
	}
	rows, err := each(items, eventHead, eventRow)
	if err != nil {
		return err
	}
	return c.printTable(rows)
}

// doEventsPlatform shows what happened to the platform.
func doEventsPlatform(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	l := listing{path: "/admin/platform-events", most: 500}
	l.define(fs, "events")
	fs.Func("type", "only events of this `TYPE`; repeatable", func(value string) error {
		l.query.Add("event_type", value)
		return nil
	})
	filter(fs, l.query, "user", "user_id", "only what this `USER` did")
	fs.Func("from", "only what happened since this `TIME`", day(l.query, "from"))
	fs.Func("to", "only what happened before this `TIME`", day(l.query, "to"))
	if _, err := c.parseMixed(fs, args, 0, 0); err != nil {
		return err
	}
	items, show, err := l.read(ctx, c)
	if err != nil || !show {
		return err
	}
	rows, err := each(items, []string{"TIME", "EVENT", "BY", "LETTER", "TOPIC", "GROUP", "RUN", "CLASS", "NOTE"}, func(e execution.PlatformEvent) []string {
		l := e.Letter
		if l == nil {
			l = &execution.LetterNews{}
		}
		return []string{e.At.UTC().Format("2006-01-02T15:04:05.000Z"), string(e.Type), e.UserID, l.ID, l.Topic, l.Group, l.ExecutionID, l.Class, l.Note}
	})
	if err != nil {
		return err
	}
	return c.printTable(rows)
}

// doEventsArchive shows the events that were deleted.
func doEventsArchive(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	l := listing{path: "/admin/events/archive", most: 500}
	l.define(fs, "events")
	eventFilters(fs, l.query)
	filter(fs, l.query, "user", "user_id", "only events of runs of this `USER`")
	if _, err := c.parseMixed(fs, args, 0, 0); err != nil {
		return err
	}
	items, show, err := l.read(ctx, c)
	if err != nil || !show {
		return err
	}
	rows, err := each(items, []string{"ID", "DELETED", "BY", "REASON"}, func(a execution.Archived) []string {
		return []string{a.ID, a.DeletedAt.UTC().Format("2006-01-02T15:04:05Z"), a.DeletedBy, a.Reason}
	})
	if err != nil {
		return err
	}
	return c.printTable(rows)
}

// doEventsShow shows one event, and what has to do with it.
func doEventsShow(ctx context.Context, c *call, args []string) error {
	var p struct {
		Event                  execution.Recorded
		Related, Before, After []execution.Recorded
	}
	show, err := c.one(ctx, args, func(id string) string { return "/admin/events/detail?id=" + url.QueryEscape(id) }, &p)
	if err != nil || !show {
		return err
	}
	e := p.Event
	about := [][]string{
		{"id", e.ID}, {"type", string(e.Type)}, {"execution", string(e.ExecutionID)}, {"user", e.UserID}, {"service", e.Source},
		{"happened", e.At.UTC().Format("2006-01-02T15:04:05.000Z")}, {"published", e.RecordedAt.UTC().Format("2006-01-02T15:04:05.000Z")},
		{"place", fmt.Sprintf("partition %d, offset %d", e.Partition, e.Offset)}, {"correlation", e.CorrelationID}, {"detail", detail(e.Event)},
	}
	list := func(head string, events []execution.Recorded) [][]string {
		rows := [][]string{{head, "EXECUTION", "EVENT", "DETAIL"}}
		for _, e := range events {
			rows = append(rows, []string{e.At.UTC().Format("2006-01-02T15:04:05.000Z"), string(e.ExecutionID), string(e.Type), detail(e.Event)})
		}
		return rows
	}
	return c.printTables(about, list("BEFORE", p.Before), list("AFTER", p.After), list("RELATED", p.Related))
}

// doEventsStats shows how much went on lately.
func doEventsStats(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	hours := fs.Int("hours", 24, "the last `N` hours by the clock, 1 to 168")
	asJSON := fs.Bool("json", false, jsonHelp)
	if _, err := c.parseMixed(fs, args, 0, 0); err != nil {
		return err
	}
	var raw json.RawMessage
	if err := c.api.get(ctx, "/admin/events/stats?hours="+strconv.Itoa(*hours), &raw); err != nil {
		return err
	}
	if *asJSON {
		return c.printJSON(raw)
	}
	var s execution.EventStats
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("events stats: %w", err)
	}
	about := [][]string{
		{"from", s.From.Format("2006-01-02T15:04Z")}, {"to", s.To.Format("2006-01-02T15:04Z")}, {"events", fmt.Sprint(s.Total)},
		{"endings", fmt.Sprint(s.Endings)}, {"errors", fmt.Sprintf("%d, %.1f %%", s.Errors, 100*s.ErrorRate)},
	}
	types, services, users := [][]string{{"TYPE", "EVENTS"}}, [][]string{{"SERVICE", "EVENTS"}}, [][]string{{"USER", "EVENTS"}}
	for _, t := range slices.Sorted(maps.Keys(s.ByType)) {
		types = append(types, []string{string(t), fmt.Sprint(s.ByType[t])})
	}
	for _, name := range slices.Sorted(maps.Keys(s.ByService)) {
		services = append(services, []string{name, fmt.Sprint(s.ByService[name])})
	}
	for _, u := range s.TopUsers {
		users = append(users, []string{u.UserID, fmt.Sprint(u.Events)})
	}
	took := [][]string{{"SECONDS", "RUNS", "MEAN", "P50", "P95"}}
	for _, d := range []struct {
		name string
		of   execution.Spread
	}{{"queue", s.Durations.Queue}, {"start", s.Durations.Start}, {"run", s.Durations.Run}} {
		took = append(took, []string{d.name, fmt.Sprint(d.of.Count), figure(d.of.Mean), figure(d.of.P50), figure(d.of.P95)})
	}
	return c.printTables(about, types, services, users, took)
}

// doEventsExport writes events to a file, or to stdout.
func doEventsExport(ctx context.Context, c *call, args []string) error {
	fs, query := c.flags(), url.Values{}
	eventFilters(fs, query)
	filter(fs, query, "user", "user_id", "only events of runs of this `USER`")
	filter(fs, query, "limit", "limit", "at most `N` events, up to 50000 (default 10000)")
	name := fs.String("o", "-", "`FILE` to write, which must not be there; -: stdout")
	rest, err := c.parseMixed(fs, args, 1, 1)
	if err != nil {
		return err
	}
	if !slices.Contains([]string{"csv", "json", "ndjson"}, rest[0]) {
		return usagef("events export: %q is none of csv, json, ndjson", rest[0])
	}
	query.Set("format", rest[0])
	return c.save(ctx, "/admin/events/export?"+query.Encode(), *name)
}

// doEventsDelete moves an event to the archive.
func doEventsDelete(ctx context.Context, c *call, args []string) error {
	id, body, err := c.withReason(args)
	if err != nil {
		return err
	}
	return c.send(ctx, http.MethodDelete, "/admin/events?id="+url.QueryEscape(id), body, nil)
}

// doEventsRestore puts an event back.
func doEventsRestore(ctx context.Context, c *call, args []string) error {
	rest, err := c.parseMixed(c.flags(), args, 1, 1)
	if err != nil {
		return err
	}
	return c.post(ctx, "/admin/events/archive/restore", map[string]string{"id": rest[0]})
}

// groupStatistics is how the runs of a user, or in a language, did.
type groupStatistics struct {
	Key       string  `json:"key"`
	Runs      int64   `json:"runs"`
	Success   float64 `json:"success_rate"`
	CPU       float64 `json:"cpu_seconds"`
	Wall      float64 `json:"wall_seconds"`
	MeanQueue float64 `json:"mean_queue_seconds"`
	MeanWall  float64 `json:"mean_wall_seconds"`
}

// doStatistics shows how runs did.
func doStatistics(ctx context.Context, c *call, args []string) error {
	fs, query := c.flags(), url.Values{}
	fs.Func("from", "`TIME` of the end of the first runs, such as 2026-08-01 (default 30 days before --to)", day(query, "from"))
	fs.Func("to", "`TIME` before which the last runs ended (default now)", day(query, "to"))
	filter(fs, query, "by", "by", "`WHAT` a row is for: language (default), or user (operators)")
	whose(fs, query)
	asJSON := fs.Bool("json", false, jsonHelp)
	if _, err := c.parseMixed(fs, args, 0, 0); err != nil {
		return err
	}
	path := "/statistics?"
	if query.Has("all") || query.Has("user_id") || query.Get("by") == "user" {
		path = "/admin/statistics?"
		query.Del("all")
	}
	var raw json.RawMessage
	if err := c.api.get(ctx, strings.TrimSuffix(path+query.Encode(), "?"), &raw); err != nil {
		return err
	}
	if *asJSON {
		return c.printJSON(raw)
	}
	var p struct {
		By    string            `json:"by"`
		Items []groupStatistics `json:"items"`
		Total groupStatistics   `json:"total"`
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return fmt.Errorf("statistics: %w", err)
	}
	rows := [][]string{{strings.ToUpper(p.By), "RUNS", "COMPLETED", "CPU SECONDS", "WALL SECONDS", "MEAN QUEUE", "MEAN WALL"}}
	for _, g := range append(p.Items, p.Total) {
		rows = append(rows, []string{
			g.Key, fmt.Sprint(g.Runs), fmt.Sprintf("%.1f %%", 100*g.Success), figure(g.CPU), figure(g.Wall), secondsText(g.MeanQueue), secondsText(g.MeanWall),
		})
	}
	return c.printTable(rows)
}
