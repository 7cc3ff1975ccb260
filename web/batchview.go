package web

import (
	"context"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// BatchBook tells where batches stand.
type BatchBook interface {
	// Batches is a page of those of user, or of all if that is empty, the newest
	// first.
	Batches(ctx context.Context, user, cursor string, limit int) (page []execution.Batch, next string, err error)
	OpenBatches(ctx context.Context, user string) ([]execution.Batch, error) // that are not known to have ended

	// BatchRows and BatchStates are the items of a batch that were accepted, in
	// their order, each in its last attempt: without what was submitted, and the
	// least of that.
	BatchRows(ctx context.Context, id string) ([]execution.Execution, error)
	BatchStates(ctx context.Context, id string) ([]execution.BatchState, error)
}

// BatchMarks notes on batches what is asked of them, and what came of them. The
// first of each counts.
type BatchMarks interface {
	SetBatchCancel(ctx context.Context, id, by, reason string) error
	SetBatchEnd(ctx context.Context, id string, end execution.BatchTally) error
}

// BatchView is a batch as clients get it.
type BatchView struct {
	ID            string                     `json:"id"`
	Status        string                     `json:"status"` // running, cancelling, completed or cancelled
	UserID        string                     `json:"user_id"`
	Total         int                        `json:"total"`     // items that were accepted
	Rejected      int                        `json:"rejected"`  // items that were not
	ByStatus      map[execution.Status]int64 `json:"by_status"` // of those that were accepted
	Passed        int64                      `json:"passed"`    // completed, and printed what they should
	Failed        int64                      `json:"failed"`    // ended otherwise
	MaxParallel   int32                      `json:"max_parallel"`
	StopOnFailure bool                       `json:"stop_on_failure"`
	CancelledBy   Text                       `json:"cancelled_by"`
	Reason        Text                       `json:"reason"` // of the cancellation
	CreatedAt     time.Time                  `json:"created_at"`
	FinishedAt    *time.Time                 `json:"finished_at"`
	Summary       batchSummary               `json:"summary"`
}

// batchSummary is what the executions of a batch took together, so far.
type batchSummary struct {
	Wall  float64 `json:"wall_seconds"` // compile steps included
	CPU   float64 `json:"cpu_seconds"`  // likewise
	GiB   float64 `json:"gib_seconds"`
	Queue float64 `json:"queue_seconds"`
}

// batchItem is one item: of one that was accepted its execution, as lists have
// it, else what was wrong with it.
type batchItem struct {
	Index  int32                 `json:"index"`
	Name   Text                  `json:"name"`
	Passed *bool                 `json:"passed"` // nil until it has ended
	Errors execution.FieldErrors `json:"errors,omitempty"`
	*View
}

func viewOfBatch(b execution.Batch, t execution.BatchTally) BatchView {
	return BatchView{
		ID: b.ID, Status: batchStatus(b, t), UserID: b.UserID, Total: b.Accepted(), Rejected: len(b.Refused),
		ByStatus: t.ByStatus, Passed: t.Passed, Failed: t.Failed, MaxParallel: b.MaxParallel, StopOnFailure: b.StopOnFailure,
		CancelledBy: Text(b.CancelledBy), Reason: Text(b.CancelReason), CreatedAt: b.CreatedAt, FinishedAt: t.FinishedAt,
		Summary: batchSummary{Wall: t.Wall, CPU: t.CPU, GiB: t.GiB, Queue: t.Queue},
	}
}

// batchStatus is where b is, in a word.
func batchStatus(b execution.Batch, t execution.BatchTally) string {
	switch {
	case t.FinishedAt == nil && b.CancelledBy != "":
		return "cancelling"
	case t.FinishedAt == nil:
		return "running"
	case b.CancelledBy != "" && t.ByStatus[execution.Cancelled] > 0:
		return "cancelled"
	default:
		return "completed"
	}
}

// tally is how b stands. Once all has ended, that is kept.
func (s *Server) tally(ctx context.Context, b execution.Batch) (execution.BatchTally, error) {
	if b.End != nil {
		return *b.End, nil
	}
	rows, err := s.BatchBook.BatchRows(ctx, b.ID)
	if err != nil {
		return execution.BatchTally{}, err
	}
	t := b.Tally(rows, time.Now())
	if t.FinishedAt != nil {
		err = s.BatchMarks.SetBatchEnd(ctx, b.ID, t)
	}
	return t, err
}

// myBatch returns the batch that c is about. To others than its owner and the
// operators it does not exist, in the same words.
func (s *Server) myBatch(c *gin.Context) (execution.Batch, error) {
	id := c.Param("id")
	b, err := s.Batches.Batch(c.Request.Context(), id)
	if execution.KindOf(err) == execution.NotFound || err == nil && b.UserID != c.GetString("user") && !s.operator(c) {
		return execution.Batch{}, execution.Errorf(execution.NotFound, "no batch %q", id)
	}
	return b, err
}

// batch returns one.
func (s *Server) batch(c *gin.Context) error {
	b, err := s.myBatch(c)
	if err != nil {
		return err
	}
	t, err := s.tally(c.Request.Context(), b)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, viewOfBatch(b, t))
	return nil
}

// listBatches returns the user's batches, or an operator's choice, the newest
// first.
func (s *Server) listBatches(c *gin.Context) error {
	q := query{c: c}
	limit := q.number("limit", 1, 100, 20)
	user, err := s.whose(c, &q)
	if err != nil {
		return err
	}
	if err := q.err(); err != nil {
		return err
	}
	page, next, err := s.BatchBook.Batches(c.Request.Context(), user, c.Query("cursor"), limit)
	if err != nil {
		return err
	}
	views := make([]BatchView, len(page))
	for i, b := range page {
		t, err := s.tally(c.Request.Context(), b)
		if err != nil {
			return err
		}
		views[i] = viewOfBatch(b, t)
	}
	c.JSON(http.StatusOK, gin.H{"items": views, "next_cursor": Text(next)})
	return nil
}

// batchItems returns a page of the items, in their order.
func (s *Server) batchItems(c *gin.Context) error {
	q := query{c: c}
	limit, status := q.number("limit", 1, 1000, 100), q.status("status")
	from := q.number("cursor", 0, maxBatchItems, 0)
	if err := q.err(); err != nil {
		return err
	}
	b, err := s.myBatch(c)
	if err != nil {
		return err
	}
	rows, err := s.BatchBook.BatchRows(c.Request.Context(), b.ID)
	if err != nil {
		return err
	}
	items, next := pageOf(itemViews(b, rows, status), from, limit)
	c.JSON(http.StatusOK, gin.H{"items": items, "next_cursor": Text(next)})
	return nil
}

// itemViews are the items of b with a status, or all, in their order.
func itemViews(b execution.Batch, rows []execution.Execution, status execution.Status) (items []batchItem) {
	refused := b.Refused
	for i, r := 0, 0; i < int(b.Items); i++ {
		switch {
		case r < len(rows) && int(rows[r].BatchIndex) == i:
			if x := rows[r]; status == "" || x.Status == status {
				items = append(items, itemView(x))
			}
			r++
		case len(refused) > 0 && int(refused[0].Index) == i:
			if status == "" {
				items = append(items, batchItem{Index: int32(i), Name: Text(refused[0].Name), Errors: refused[0].Errors})
			}
			refused = refused[1:]
		}
	}
	return items
}

func itemView(x execution.Execution) batchItem {
	item := batchItem{Index: x.BatchIndex, Name: Text(x.BatchName), View: new(row(x))}
	if x.Status.Terminal() {
		item.Passed = new(x.Passed())
	}
	return item
}

// pageOf is up to limit items from an index on, and where the next page begins.
func pageOf(items []batchItem, from, limit int) (page []batchItem, next string) {
	page = []batchItem{}
	for _, item := range items {
		switch {
		case int(item.Index) < from:
		case len(page) == limit:
			return page, strconv.Itoa(int(item.Index))
		default:
			page = append(page, item)
		}
	}
	return page, ""
}

// cancelBatch asks for the end of all that has not ended.
func (s *Server) cancelBatch(c *gin.Context) error {
	ctx := c.Request.Context()
	var body struct {
		Reason string `json:"reason"`
	}
	if err := decode(c, &body, true); err != nil {
		return err
	}
	if utf8.RuneCountInString(body.Reason) > maxReason {
		return execution.FieldErrors{{Field: "reason", Rule: "at most 500 characters"}}
	}
	b, err := s.myBatch(c)
	if err != nil {
		return err
	}
	t, err := s.tally(ctx, b)
	if err != nil {
		return err
	}
	if t.FinishedAt != nil {
		return execution.Errorf(execution.Conflict, "batch %s has ended", b.ID)
	}
	if b.CancelledBy == "" {
		b.CancelledBy, b.CancelReason = c.GetString("user"), body.Reason
		if err := s.BatchMarks.SetBatchCancel(ctx, b.ID, b.CancelledBy, b.CancelReason); err != nil {
			return err
		}
	}
	if err := s.stopBatch(ctx, b); err != nil {
		return err
	}
	s.Log.InfoContext(c.Request.Context(), "cancel accepted", "batch", b.ID, "user", c.GetString("user"), "correlation_id", correlation(c))
	c.JSON(http.StatusAccepted, viewOfBatch(b, t))
	return nil
}

// stopBatch cancels the workflow of b. If that is still about to be started, it
// is started, so that the cancel wins; if it is over, all has ended, or will.
func (s *Server) stopBatch(ctx context.Context, b execution.Batch) error {
	err := s.BatchSagas.CancelBatch(ctx, b.ID)
	if execution.KindOf(err) != execution.NotFound {
		return err
	}
	if err := s.BatchSagas.StartBatch(ctx, b); err != nil {
		return err
	}
	if err := s.BatchSagas.CancelBatch(ctx, b.ID); execution.KindOf(err) != execution.NotFound {
		return err
	}
	return nil
}
