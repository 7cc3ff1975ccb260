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

// letterPath is the path of a dead letter, or of something to do with it.
func letterPath(id, of string) string { return "/admin/letters/" + url.PathEscape(id) + of }

// letterView is a dead letter as the API shows it: what the client needs beside
// what it is.
type letterView struct {
	execution.Letter
	Key        string          `json:"key"`
	ValueBytes int64           `json:"value_bytes"`
	Payload    json.RawMessage `json:"payload"`
	Unreadable string          `json:"payload_error"`
}

// place is where l was first.
func (v letterView) place() string {
	return fmt.Sprintf("%s %d/%d", v.Origin.Topic, v.Origin.Partition, v.Origin.Offset)
}

// letterFilters adds the flags that choose among dead letters. Values go into
// query, those that come several times too.
func letterFilters(fs *flag.FlagSet, query url.Values) {
	fs.Func("status", "only letters of this `STATUS`: pending, scheduled, retried, parked, discarded or archived; repeatable", func(s string) error {
		query.Add("status", s)
		return nil
	})
	filter(fs, query, "topic", "topic", "only letters of this `TOPIC`")
	filter(fs, query, "type", "event_type", "only letters with this `TYPE` of event")
	filter(fs, query, "group", "consumer_group", "only letters that this `GROUP` of consumers could not handle")
	filter(fs, query, "class", "error_class", "only letters whose last error is of this `CLASS`, such as invalid")
	filter(fs, query, "execution", "execution_id", "only letters of the run `ID`")
	fs.Func("older-than", "only letters that were captured longer ago than this `TIME`, such as 1h", func(s string) error {
		n, ok := parseSeconds(s)
		if !ok || n < 0 {
			return errors.New("must be whole seconds, such as 10m or 600")
		}
		query.Set("older_than_seconds", strconv.FormatInt(n, 10))
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
	now := time.Now()
	rows, err := each(items, []string{"ID", "STATUS", "AGE", "FROM", "GROUP", "EVENT", "RETRIES", "NEXT", "CLASS", "ERROR"}, func(v letterView) []string {
		return []string{v.ID, string(v.Status), age(now.Sub(v.CapturedAt)), v.place(), v.Origin.Group, v.EventType, fmt.Sprint(v.Tries), stamp(&v.Due), v.Class, brief(v.Error)}
	})
	if err != nil {
		return err
	}
	return c.printTable(rows)
}

// brief is s, cut where a column gets too wide.
func brief(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// doLettersShow shows one letter, what is in it and what happened to it.
func doLettersShow(ctx context.Context, c *call, args []string) error {
	var v letterView
	show, err := c.one(ctx, args, func(id string) string { return letterPath(id, "") }, &v)
	if err != nil || !show {
		return err
	}
	var f facts
	f.add("id", v.ID)
	f.add("status", string(v.Status))
	f.add("reason", v.Reason)
	f.add("decided by", v.By)
	f.add("from", v.place())
	f.add("group", v.Origin.Group)
	f.add("key", v.Key)
	f.add("event", v.EventType)
	f.add("event ID", v.EventID)
	f.add("execution", v.ExecutionID)
	f.add("published", stamp(&v.Origin.At))
	f.add("first failure", stamp(&v.FirstFailure))
	f.add("captured", stamp(&v.CapturedAt))
	f.add("attempts", fmt.Sprint(v.Attempts))
	f.add("redriven", fmt.Sprintf("%d times, %d of them since a person asked", v.Round, v.Tries))
	f.add("next retry", stamp(&v.Due))
	f.add("on its way since", stamp(&v.Sent))
	f.add("behind", v.Behind)
	f.add("forgotten", stamp(&v.Expires))
	f.add("class", v.Class)
	f.add("error", v.Error)
	f.add("value", fmt.Sprintf("%d bytes", v.ValueBytes))
	f.add("unreadable", v.Unreadable)
	headers := [][]string{{"HEADER", "VALUE"}}
	for _, h := range v.Headers {
		headers = append(headers, []string{h.Key, h.Value})
	}
	history := [][]string{{"TIME", "WHAT", "ROUND", "BY", "CLASS", "NOTE"}}
	for _, e := range v.History {
		history = append(history, []string{stamp(&e.At), e.What, fmt.Sprint(e.Round), e.By, e.Class, e.Note})
	}
	if err := c.printTables(f, headers, history); err != nil || string(v.Payload) == "null" || len(v.Payload) == 0 {
		return err
	}
	if err := c.printf("\n"); err != nil {
		return err
	}
	return c.printJSON(v.Payload)
}

// doLettersDecide discards, archives or restores letters.
func doLettersDecide(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	reason := fs.String("reason", "", "`TEXT` that is kept with the letter (needed)")
	rest, err := c.parseMixed(fs, args, 1, 1)
	if err != nil {
		return err
	}
	if strings.TrimSpace(*reason) == "" {
		return usagef("%s: say --reason", c.cmd.Name)
	}
	return c.post(ctx, letterPath(rest[0], "/"+strings.TrimPrefix(c.cmd.Name, "letters ")), reasonOf(*reason))
}

// doLettersStats shows how many there are of each.
func doLettersStats(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	asJSON := fs.Bool("json", false, jsonHelp)
	if _, err := c.parseMixed(fs, args, 0, 0); err != nil {
		return err
	}
	var raw json.RawMessage
	if err := c.api.get(ctx, "/admin/letters/statistics", &raw); err != nil {
		return err
	}
	if *asJSON {
		return c.printJSON(raw)
	}
	var s struct {
		execution.LetterFigures
		OldestAge *float64 `json:"oldest_age_seconds"`
		Success   *float64 `json:"retry_success_rate"`
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("letters stats: %w", err)
	}
	var f facts
	f.add("waiting", fmt.Sprint(s.Waiting))
	if s.OldestAge != nil {
		f.add("oldest", age(time.Duration(*s.OldestAge*float64(time.Second))))
	}
	f.add("redriven", fmt.Sprint(s.Redriven))
	if s.Success != nil {
		f.add("took effect", fmt.Sprintf("%d, %.1f %%", s.Retried, 100**s.Success))
	}
	statuses := [][]string{{"STATUS", "LETTERS"}}
	for _, st := range execution.LetterStatuses {
		if n := s.ByStatus[st]; n > 0 {
			statuses = append(statuses, []string{string(st), fmt.Sprint(n)})
		}
	}
	table := func(head string, of map[string]int64) [][]string {
		rows := [][]string{{head, "WAITING"}}
		for _, name := range slices.Sorted(maps.Keys(of)) {
			rows = append(rows, []string{name, fmt.Sprint(of[name])})
		}
		return rows
	}
	return c.printTables(f, statuses, table("TOPIC", s.ByTopic), table("EVENT", s.ByType), table("GROUP", s.ByGroup), table("CLASS", s.ByClass))
}

// policyText is p in the columns of a table.
func policyText(p execution.RedrivePolicy) []string {
	delay := ""
	switch p.Strategy {
	case execution.RedriveFixed:
		delay = secondsText(p.Initial)
	case execution.RedriveExponential:
		delay = fmt.Sprintf("%s to %s, ×%s", secondsText(p.Initial), secondsText(p.Max), figure(p.Multiplier))
	case execution.RedriveScheduled:
		delay = "at " + p.At + " UTC"
	}
	by := p.By
	if by == "" {
		by = "default"
	}
	return []string{p.ID, p.Topic, p.Type, p.Class, string(p.Strategy), fmt.Sprint(p.MaxRetries), delay, by}
}

// doLettersPolicies shows how letters are redriven.
func doLettersPolicies(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	asJSON := fs.Bool("json", false, jsonHelp)
	if _, err := c.parseMixed(fs, args, 0, 0); err != nil {
		return err
	}
	var raw json.RawMessage
	if err := c.api.get(ctx, "/admin/letters/policies", &raw); err != nil {
		return err
	}
	if *asJSON {
		return c.printJSON(raw)
	}
	var p struct {
		Items []execution.RedrivePolicy `json:"items"`
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return fmt.Errorf("letters policies: %w", err)
	}
	rows := [][]string{{"ID", "TOPIC", "TYPE", "CLASS", "STRATEGY", "RETRIES", "DELAY", "BY"}}
	for _, one := range p.Items {
		rows = append(rows, policyText(one))
	}
	return c.printTable(rows)
}

// doLettersSetPolicy says how letters are redriven.
func doLettersSetPolicy(ctx context.Context, c *call, args []string) error {
	fs, policy := c.flags(), map[string]any{}
	text := func(name, field, help string) {
		fs.Func(name, help, func(s string) error { policy[field] = s; return nil })
	}
	delay := func(name, field, help string) {
		fs.Func(name, help, func(s string) error {
			n, ok := parseSeconds(s)
			if !ok || n < 0 {
				return errors.New("must be whole seconds, such as 10m or 600")
			}
			policy[field] = n
			return nil
		})
	}
	text("topic", "topic", "of letters of this `TOPIC` (default any)")
	text("type", "event_type", "of letters with this `TYPE` of event; a * at its end matches what begins so (default any)")
	text("class", "error_class", "of letters whose last error is of this `CLASS` (default any)")
	text("strategy", "strategy", "`STRATEGY`: immediate, fixed_interval, exponential_backoff, scheduled or manual (needed)")
	text("at", "at", "`TIME` of day in UTC, such as 04:30, of scheduled")
	delay("initial-delay", "initial_delay_seconds", "`TIME` before the first retry, such as 30")
	delay("max-delay", "max_delay_seconds", "`TIME` between two retries, at most")
	retries := fs.Int("max-retries", 4, "`N` retries, 0 to 20; then a letter is parked")
	factor := fs.Float64("multiplier", 2, "how many `TIMES` as long each retry is waited for")
	if _, err := c.parseMixed(fs, args, 0, 0); err != nil {
		return err
	}
	if policy["strategy"] == nil {
		return usagef("letters set-policy: say --strategy")
	}
	policy["max_retries"], policy["multiplier"] = *retries, *factor
	var answer struct {
		Policy  execution.RedrivePolicy `json:"policy"`
		Letters int                     `json:"letters"`
	}
	if err := c.send(ctx, http.MethodPut, "/admin/letters/policies", policy, &answer); err != nil {
		return err
	}
	return c.printf("%s, %d letters wait by it\n", oneLine(answer.Policy.ID), answer.Letters)
}

// doLettersRemovePolicy goes back to the default.
func doLettersRemovePolicy(ctx context.Context, c *call, args []string) error {
	rest, err := c.parseMixed(c.flags(), args, 1, 1)
	if err != nil {
		return err
	}
	return c.send(ctx, http.MethodDelete, "/admin/letters/policies/"+url.PathEscape(rest[0]), nil, nil)
}
