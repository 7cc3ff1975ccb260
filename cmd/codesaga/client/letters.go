package client

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// letterPath is the path of a dead letter, or of something of it.
func letterPath(id, of string) string { return "/admin/letters/" + url.PathEscape(id) + of }

// letterFilters adds the flags that choose among dead letters.
func letterFilters(fs *flag.FlagSet, query url.Values) {
	fs.Func("status", "only letters of this `STATUS`: pending, scheduled, retried, parked, discarded or archived; repeatable", func(s string) error {
		query.Add("status", s)
		return nil
	})
	filter(fs, query, "topic", "topic", "only letters from this `TOPIC`")
	filter(fs, query, "type", "event_type", "only events of this `TYPE`")
	filter(fs, query, "group", "consumer_group", "only letters of this consumer `GROUP`")
	filter(fs, query, "class", "error_class", "only letters with this `CLASS` of errors, such as internal")
	filter(fs, query, "execution", "execution_id", "only letters of the run `ID`")
	fs.Func("older", "only letters that died longer than this `TIME` ago, such as 1h", func(s string) error {
		d, err := time.ParseDuration(s)
		if err != nil || d < 0 {
			return errors.New("must be a time such as 1h30m")
		}
		query.Set("older_than_seconds", strconv.Itoa(int(d.Seconds())))
		return nil
	})
}

// doLettersList lists dead letters.
func doLettersList(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	l := listing{path: "/admin/letters", most: 1000}
	l.define(fs, "letters")
	letterFilters(fs, l.query)
	if _, err := c.parseMixed(fs, args, 0, 0); err != nil {
		return err
	}
	items, show, err := l.read(ctx, c)
	if err != nil || !show {
		return err
	}
	rows, err := each(items, []string{"ID", "STATUS", "TOPIC", "GROUP", "TYPE", "CLASS", "RUN", "RETRIES", "AGE", "NEXT", "ERROR"}, func(l execution.Letter) []string {
		next := ""
		if !l.Due.IsZero() {
			next = stamp(&l.Due)
		}
		return []string{l.ID, string(l.Status), l.Origin.Topic, l.Origin.Group, l.EventType, l.Class, l.ExecutionID, fmt.Sprint(l.Round), age(time.Since(l.CapturedAt)), next, l.Error}
	})
	if err != nil {
		return err
	}
	return c.printTable(rows)
}

// doLettersShow shows one, and what it says.
func doLettersShow(ctx context.Context, c *call, args []string) error {
	var v struct {
		execution.Letter
		ValueBytes int             `json:"value_bytes"`
		Decoded    json.RawMessage `json:"decoded"`
		Unreadable string          `json:"decode_error"`
	}
	show, err := c.one(ctx, args, func(id string) string { return letterPath(id, "") }, &v)
	if err != nil || !show {
		return err
	}
	var f facts
	f.add("id", v.ID)
	f.add("status", string(v.Status))
	f.add("reason", v.Reason)
	f.add("decided by", v.By)
	f.add("from", fmt.Sprintf("%s, partition %d, offset %d", v.Origin.Topic, v.Origin.Partition, v.Origin.Offset))
	f.add("consumer group", v.Origin.Group)
	f.add("event", v.EventID)
	f.add("type", v.EventType)
	f.add("run", v.ExecutionID)
	f.add("error", v.Class+": "+v.Error)
	f.add("attempts", fmt.Sprint(v.Attempts))
	f.add("first failure", stamp(&v.FirstFailure))
	if !v.Due.IsZero() {
		f.add("next retry", stamp(&v.Due))
	}
	f.add("behind", v.Behind)
	f.add("value", bytesText(int64(v.ValueBytes)))
	f.add("says", string(v.Decoded))
	f.add("unreadable", v.Unreadable)
	happened := [][]string{{"AT", "WHAT", "RETRY", "BY", "CLASS", "NOTE"}}
	for _, e := range v.History {
		happened = append(happened, []string{stamp(&e.At), e.What, fmt.Sprint(e.Round), e.By, e.Class, e.Note})
	}
	headers := [][]string{{"HEADER", "VALUE"}}
	for _, h := range v.Headers {
		headers = append(headers, []string{h.Key, h.Value})
	}
	return c.printTables(f, happened, headers)
}

// lettersAtOnce is how many letters one request has redriven: its answer comes
// in some seconds.
const lettersAtOnce = 200

// doLettersRetry has letters redriven: those that are named, or that the flags
// choose.
func doLettersRetry(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	query := url.Values{}
	letterFilters(fs, query)
	all := fs.Bool("all", false, "all that wait")
	dry := fs.Bool("dry-run", false, "only say which")
	ids, err := c.parseMixed(fs, args, 0, 1000)
	if err != nil {
		return err
	}
	body := map[string]any{"dry_run": *dry}
	switch {
	case len(ids) > 0 && (*all || len(query) > 0):
		return usagef("%s: IDs, or flags that choose: not both", c.cmd.Name)
	case len(ids) > 0:
	case !*all && len(query) == 0:
		return usagef("%s: which letters? name them, choose some by flags, or say --all", c.cmd.Name)
	default:
		chosen := map[string]any{}
		for name, values := range query {
			switch name {
			case "status":
				chosen[name] = values
			case "older_than_seconds":
				chosen[name], _ = strconv.Atoi(values[0])
			default:
				chosen[name] = values[0]
			}
		}
		body["filter"], body["limit"] = chosen, lettersAtOnce
	}
	report, err := c.retryLetters(ctx, ids, body)
	if err != nil {
		return err
	}
	verb := "will be retried"
	if *dry {
		verb = "would be retried"
		report.Successful = report.Total
	}
	rows := [][]string{{"LETTER", "STATUS", "ERROR"}}
	for _, o := range report.Details {
		rows = append(rows, []string{o.ID, string(o.Status), o.Error})
	}
	if err := c.printTable(rows); err != nil {
		return err
	}
	if err := c.printf("%d of %d %s\n", report.Successful, report.Total, verb); err != nil {
		return err
	}
	if report.Failed > 0 {
		return exitCode(exitFailed)
	}
	return nil
}

// retryLetters asks in parts for what body says, or for all of ids if there are
// some.
func (c *call) retryLetters(ctx context.Context, ids []string, body map[string]any) (all execution.RedriveReport, err error) {
	for more := true; more; {
		if n := min(len(ids), lettersAtOnce); n > 0 {
			body["ids"], ids = ids[:n], ids[n:]
		}
		var part execution.RedriveReport
		if err := c.send(ctx, http.MethodPost, "/admin/letters/retry", body, &part); err != nil {
			return all, err
		}
		all.Total, all.Successful, all.Failed = all.Total+part.Total, all.Successful+part.Successful, all.Failed+part.Failed
		all.Details = append(all.Details, part.Details...)
		if more = part.Next != "" || len(ids) > 0; part.Next != "" {
			body["cursor"] = part.Next
		}
	}
	return all, nil
}

// doLettersDecide discards, archives or restores one.
func doLettersDecide(ctx context.Context, c *call, args []string) error {
	id, body, err := c.withReason(args)
	if err != nil {
		return err
	}
	return c.post(ctx, letterPath(id, "/"+strings.TrimPrefix(c.cmd.Name, "letters ")), body)
}

// doLettersStats counts them.
func doLettersStats(ctx context.Context, c *call, args []string) error {
	var v struct {
		Statistics execution.LetterFigures `json:"statistics"`
		Rate       *float64                `json:"retry_success_rate"`
	}
	show, err := c.whole(ctx, c.flags(), args, "/admin/letters/statistics", &v)
	if err != nil || !show {
		return err
	}
	var f facts
	f.add("waiting", fmt.Sprint(v.Statistics.Waiting))
	if !v.Statistics.Oldest.IsZero() {
		f.add("oldest", age(time.Since(v.Statistics.Oldest)))
	}
	if v.Rate != nil {
		f.add("retries that helped", fmt.Sprintf("%.0f %%", 100**v.Rate))
	}
	statuses := map[string]int64{}
	for status, n := range v.Statistics.ByStatus {
		statuses[string(status)] = n
	}
	var tables [][][]string
	for _, t := range []struct {
		head string
		of   map[string]int64
	}{{"STATUS", statuses}, {"TOPIC", v.Statistics.ByTopic}, {"GROUP", v.Statistics.ByGroup}, {"TYPE", v.Statistics.ByType}, {"CLASS", v.Statistics.ByClass}} {
		rows := [][]string{{t.head, "LETTERS"}}
		for _, name := range slices.Sorted(maps.Keys(t.of)) {
			rows = append(rows, []string{name, fmt.Sprint(t.of[name])})
		}
		tables = append(tables, rows)
	}
	return c.printTables(f, tables...)
}
