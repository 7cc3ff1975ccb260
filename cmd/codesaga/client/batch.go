package client

import (
	"cmp"
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
	"time"

	"github.com/codesaga/codesaga/execution"
)

// batchPath is the path of a batch, or of something of it.
func batchPath(id, of string) string { return "/batches/" + url.PathEscape(id) + of }

// batchView is a batch as the API shows it: what the client needs of it.
type batchView struct {
	ID          string                     `json:"id"`
	Status      string                     `json:"status"`
	UserID      string                     `json:"user_id"`
	Total       int                        `json:"total"` // that were accepted
	Rejected    int                        `json:"rejected"`
	ByStatus    map[execution.Status]int64 `json:"by_status"`
	Passed      int64                      `json:"passed"`
	Failed      int64                      `json:"failed"`
	MaxParallel int                        `json:"max_parallel"`
	Stop        bool                       `json:"stop_on_failure"`
	CancelledBy string                     `json:"cancelled_by"`
	Reason      string                     `json:"reason"`
	CreatedAt   time.Time                  `json:"created_at"`
	FinishedAt  *time.Time                 `json:"finished_at"`
	Summary     struct {
		Wall  float64 `json:"wall_seconds"`
		CPU   float64 `json:"cpu_seconds"`
		GiB   float64 `json:"gib_seconds"`
		Queue float64 `json:"queue_seconds"`
	} `json:"summary"`
}

// statuses are the counts in one line.
func (b batchView) statuses() string {
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(b.ByStatus)) {
		if n := b.ByStatus[status]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, status))
		}
	}
	return strings.Join(parts, ", ")
}

// accepted is the answer to a batch.
type accepted struct {
	ID    string `json:"id"`
	Items []struct {
		Index  int                   `json:"index"`
		Name   string                `json:"name"`
		ID     *execution.ID         `json:"id"` // nil: it was refused
		Errors execution.FieldErrors `json:"errors"`
	} `json:"items"`
	Accepted int `json:"accepted"`
	Rejected int `json:"rejected"`
}

// batchFlags are what a batch is told beside its items.
type batchFlags struct {
	parallel int
	key      string
	json     bool
	follow   bool
}

func (f *batchFlags) define(fs *flag.FlagSet) {
	fs.IntVar(&f.parallel, "max-parallel", 0, "`N` runs at once at most")
	fs.StringVar(&f.key, "idempotency-key", "", "`KEY` under which a repeated batch is the same batch (default a new one)")
	fs.BoolVar(&f.json, "json", false, jsonHelp)
}

// doBatchSubmit submits a batch that is written in JSON.
func doBatchSubmit(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	var f batchFlags
	f.define(fs)
	fs.BoolVar(&f.follow, "follow", false, "follow the batch to its end; exit code 1 unless all went well")
	rest, err := c.parseMixed(fs, args, 1, 1)
	if err != nil {
		return err
	}
	text, err := readText(c.Stdin, rest[0])
	if err != nil {
		return err
	}
	body, err := batchBody([]byte(text))
	if err != nil {
		return usagef("%s: %v", rest[0], err)
	}
	a, raw, err := c.submitBatch(ctx, body, f, c.screen(false))
	if err != nil {
		return err
	}
	if f.follow {
		return c.stayWithBatch(ctx, a.ID, f.json)
	}
	if f.json {
		err = c.printJSON(raw)
	} else {
		err = c.printf("%s\n", oneLine(a.ID))
	}
	if err == nil && a.Rejected > 0 {
		err = exitCode(exitFailed)
	}
	return err
}

// batchBody reads a batch: an object as the API takes it, or its items alone.
func batchBody(text []byte) (map[string]any, error) {
	body := map[string]json.RawMessage{}
	err := json.Unmarshal(text, &body)
	if err != nil {
		var items []json.RawMessage
		if json.Unmarshal(text, &items) != nil {
			return nil, err
		}
		return map[string]any{"items": items}, nil
	}
	all := make(map[string]any, len(body))
	for name, value := range body {
		all[name] = value
	}
	return all, nil
}

// submitBatch sends a batch, and says which of its items were refused.
func (c *call) submitBatch(ctx context.Context, body map[string]any, f batchFlags, s *screen) (a accepted, raw json.RawMessage, err error) {
	if f.parallel < 0 {
		return a, nil, usagef("%s: --max-parallel must be at least 1", c.cmd.Name)
	}
	if f.parallel > 0 {
		body["max_parallel"] = f.parallel
	}
	if f.key == "" {
		f.key = string(execution.NewID())
	}
	text, err := json.Marshal(body)
	if err != nil {
		return a, nil, err
	}
	c.submitted.Store(true)
	err = retry(ctx, c.asked, func(err error) { s.stage("waiting for the server: " + err.Error()) }, func() error {
		return c.api.ask(ctx, http.MethodPost, "/batches", text, &raw, "Idempotency-Key", f.key)
	})
	if err != nil {
		s.close(true)
		return a, nil, err
	}
	if err := json.Unmarshal(raw, &a); err != nil || a.ID == "" {
		return a, nil, fmt.Errorf("the answer names no batch: %s", raw[:min(200, len(raw))])
	}
	for _, item := range a.Items {
		if item.ID == nil {
			s.note(fmt.Sprintf("item %s was refused: %v", cmp.Or(item.Name, strconv.Itoa(item.Index)), item.Errors))
		}
	}
	return a, raw, nil
}

// doBatchGet shows one batch.
func doBatchGet(ctx context.Context, c *call, args []string) error {
	var b batchView
	show, err := c.one(ctx, args, func(id string) string { return batchPath(id, "") }, &b)
	if err != nil || !show {
		return err
	}
	var f facts
	f.add("id", b.ID)
	f.add("status", b.Status)
	f.add("user", b.UserID)
	f.add("items", with(strconv.Itoa(b.Total), b.statuses()))
	if b.Rejected > 0 {
		f.add("refused", strconv.Itoa(b.Rejected))
	}
	f.add("passed", fmt.Sprint(b.Passed))
	f.add("failed", fmt.Sprint(b.Failed))
	f.add("at once", strconv.Itoa(b.MaxParallel))
	if b.Stop {
		f.add("stops", "on failure")
	}
	f.add("cancelled by", with(b.CancelledBy, b.Reason))
	f.add("created", stamp(&b.CreatedAt))
	f.add("finished", stamp(b.FinishedAt))
	f.add("wall time", secondsText(b.Summary.Wall))
	f.add("CPU time", secondsText(b.Summary.CPU))
	f.add("queue time", secondsText(b.Summary.Queue))
	f.add("GiB-seconds", figure(b.Summary.GiB))
	return c.printTable(f)
}

// doBatchList lists batches.
func doBatchList(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	l := listing{path: "/batches", most: 100}
	l.define(fs, "batches")
	whose(fs, l.query)
	if _, err := c.parseMixed(fs, args, 0, 0); err != nil {
		return err
	}
	items, show, err := l.read(ctx, c)
	if err != nil || !show {
		return err
	}
	now := time.Now()
	rows, err := each(items, []string{"ID", "STATUS", "ITEMS", "PASSED", "FAILED", "AGE", "TOOK"}, func(b batchView) []string {
		return []string{b.ID, b.Status, fmt.Sprint(b.Total), fmt.Sprint(b.Passed), fmt.Sprint(b.Failed), age(now.Sub(b.CreatedAt)), since(b.CreatedAt, b.FinishedAt)}
	})
	if err != nil {
		return err
	}
	return c.printTable(rows)
}

// doBatchCancel asks for the end of a batch.
func doBatchCancel(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	reason := fs.String("reason", "", "`TEXT` that is kept with the batch")
	rest, err := c.parseMixed(fs, args, 1, 1)
	if err != nil {
		return err
	}
	return c.post(ctx, batchPath(rest[0], "/cancel"), reasonOf(*reason))
}

// withReason reads a command about one thing that has to be given a reason, and
// returns its ID and the body of the request.
func (c *call) withReason(args []string) (id string, body any, err error) {
	fs := c.flags()
	reason := fs.String("reason", "", "`TEXT` that others see (needed)")
	rest, err := c.parseMixed(fs, args, 1, 1)
	if err != nil {
		return "", nil, err
	}
	if strings.TrimSpace(*reason) == "" {
		return "", nil, usagef("%s: --reason is needed", c.cmd.Name)
	}
	return rest[0], reasonOf(*reason), nil
}

// reasonOf is the body of a request that may have a reason.
func reasonOf(reason string) any {
	return struct {
		Reason string `json:"reason,omitempty"`
	}{reason}
}
