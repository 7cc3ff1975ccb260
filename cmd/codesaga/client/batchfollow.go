package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/codesaga/codesaga/execution"
)

// batchItem is one item of a batch as the API shows it.
type batchItem struct {
	Index     int                   `json:"index"`
	Name      string                `json:"name"` // as the client gave it
	ID        execution.ID          `json:"id"`   // empty: it was refused
	Status    execution.Status      `json:"status"`
	Passed    *bool                 `json:"passed"`
	ErrorType string                `json:"error_type"`
	Limit     string                `json:"limit"`
	Reason    string                `json:"reason"`
	Message   string                `json:"message"`
	Result    *resultView           `json:"result"`
	Errors    execution.FieldErrors `json:"errors"`
}

// good reports whether all went well.
func (b batchItem) good() bool {
	return b.Status == execution.Completed && (b.Passed == nil || *b.Passed)
}

// verdict is that in one word.
func (b batchItem) verdict() string {
	switch {
	case b.ID == "":
		return "refused"
	case !b.Status.Terminal():
		return ""
	case b.good():
		return "passed"
	default:
		return "failed"
	}
}

// row is b in a table; name is what the user knows it by.
func (b batchItem) row(name string) []string {
	x := view{Status: b.Status, ErrorType: b.ErrorType, Limit: b.Limit, Reason: b.Reason, Message: b.Message, Result: b.Result}
	row := []string{name, b.verdict(), string(b.Status), x.exitText(), "", "", ""}
	if b.Result != nil {
		row[4], row[5] = measured(b.Result.WallSeconds, secondsText), measured(b.Result.PeakMemoryBytes, bytesText)
	}
	switch {
	case b.ID == "":
		row[6] = b.Errors.Error()
	case b.Status.Terminal():
		row[6] = x.verdict()
	}
	return append(row, string(b.ID))
}

// batchHead is above such rows.
var batchHead = []string{"ITEM", "VERDICT", "STATUS", "EXIT", "TIME", "MEMORY", "DETAIL", "ID"}

// label is what an item is known by: its name, if the client gave it one.
func (b batchItem) label() string { return cmp.Or(b.Name, strconv.Itoa(b.Index)) }

// doBatchItems lists what is in a batch.
func doBatchItems(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	var l listing
	l.define(fs, "items")
	filter(fs, l.query, "status", "status", "only items of this `STATUS`")
	rest, err := c.parseMixed(fs, args, 1, 1)
	if err != nil {
		return err
	}
	l.path = batchPath(rest[0], "/items")
	items, show, err := l.read(ctx, c)
	if err != nil || !show {
		return err
	}
	rows, err := each(items, batchHead, func(b batchItem) []string { return b.row(b.label()) })
	if err != nil {
		return err
	}
	return c.printTable(rows)
}

// doBatchFollow follows a batch to its end.
func doBatchFollow(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	asJSON := fs.Bool("json", false, jsonHelp)
	rest, err := c.parseMixed(fs, args, 1, 1)
	if err != nil {
		return err
	}
	return c.stayWithBatch(ctx, rest[0], *asJSON)
}

// stayWithBatch follows a batch to its end, cancels it if asked to, shows what
// became of its items, and exits with 0 if that is all good.
func (c *call) stayWithBatch(ctx context.Context, id string, asJSON bool) error {
	s := c.screen(false)
	wait := c.cancelIfAsked(ctx, s, func(ctx context.Context) error {
		return c.api.ask(ctx, http.MethodPost, batchPath(id, "/cancel"), []byte(`{"reason":"interrupted"}`), nil)
	})
	f := &batchFollower{status: map[int]execution.Status{}}
	f.stream = stream{
		api: c.api, path: batchPath(id, "/stream"), again: "batch follow " + id,
		stage: s.stage, take: f.take, over: func() bool { return f.ended },
	}
	err := f.read(ctx)
	wait()
	if err != nil && !errors.Is(err, errOver) {
		s.close(true)
		return err
	}
	s.close(false)
	items, err := c.pages(ctx, listing{path: batchPath(id, "/items"), query: url.Values{}, most: maxPage, limit: -1})
	if err != nil {
		return err
	}
	good := 0
	rows, err := each(items.Items, batchHead, func(b batchItem) []string {
		if b.good() {
			good++
		}
		return b.row(b.label())
	})
	if err != nil {
		return err
	}
	if asJSON {
		err = c.printAny(items)
	} else {
		err = c.printTable(rows)
	}
	switch all := len(rows) - 1; {
	case err != nil:
		return err
	case c.interrupted():
		return exitCode(exitCancelled)
	case good < all:
		s.note(fmt.Sprintf("%d of %d passed", good, all))
		return exitCode(exitFailed)
	default:
		s.note(fmt.Sprintf("all %d passed", all))
		return nil
	}
}

// batchFollower counts what the stream of a batch tells.
type batchFollower struct {
	stream
	status map[int]execution.Status // of each item
	ended  bool
}

// itemState is an item in a stream: [index, status, passed].
type itemState struct {
	index  int
	status execution.Status
	passed *bool // nil: nobody compares, or not yet
}

// UnmarshalJSON reads it.
func (i *itemState) UnmarshalJSON(raw []byte) error {
	return json.Unmarshal(raw, &[]any{&i.index, &i.status, &i.passed})
}

// take notes what one frame says, and shows how far the batch is.
func (f *batchFollower) take(fr frame) error {
	switch fr.event {
	case "batch":
		var b struct {
			Items []itemState `json:"items"`
		}
		if err := json.Unmarshal(fr.data, &b); err != nil {
			return fatalError{fmt.Errorf("a frame of a batch: %w", err)}
		}
		for _, i := range b.Items {
			f.status[i.index] = i.status
		}
	case "item":
		var i itemState
		if err := json.Unmarshal(fr.data, &i); err != nil {
			return fatalError{fmt.Errorf("a frame of a batch: %w", err)}
		}
		f.status[i.index] = i.status
	case "end":
		f.ended = true
		return nil
	default:
		return nil
	}
	f.stage(f.progress())
	return nil
}

// progress is how far the batch is, in words.
func (f *batchFollower) progress() string {
	count := map[execution.Status]int{}
	ended := 0
	for _, status := range f.status {
		count[status]++
		if status.Terminal() {
			ended++
		}
	}
	parts := []string{fmt.Sprintf("%d of %d ended", ended, len(f.status))}
	for _, status := range []execution.Status{execution.Running, execution.Failed, execution.TimedOut, execution.Errored} {
		if n := count[status]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, status))
		}
	}
	return strings.Join(parts, ", ")
}
