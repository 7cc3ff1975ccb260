package web

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/tracing"
)

// What a batch may hold (parity EX-30).
const (
	maxBatchBody   = 16 << 20 // bytes
	maxBatchInputs = 64 << 20 // bytes of all items, also of what they share
	maxBatchItems  = 1000
	maxParallel    = 100
	usualParallel  = 10
	maxItemName    = 128 // bytes
)

const (
	batchTimeout  = 30 * time.Second // of all that a batch writes
	batchesAtOnce = 4                // that are read and written: each takes memory
)

// Batches keeps batches.
type Batches interface {
	// CreateBatch keeps b and its executions, unless that was done before, and
	// returns what is kept. Only when it has returned well there is a batch.
	CreateBatch(ctx context.Context, b execution.Batch, items []execution.Execution) (execution.Batch, error)
	RemoveBatch(ctx context.Context, id string) error // of a submission that failed; as far as nothing has come of it
	Batch(ctx context.Context, id string) (execution.Batch, error)
}

// BatchSagas runs batches.
type BatchSagas interface {
	StartBatch(context.Context, execution.Batch) error // nothing if it was started
	CancelBatch(ctx context.Context, id string) error  // NotFound when it is over, or was never started
}

// batchRequest is a batch that is asked for.
type batchRequest struct {
	defaults Submission
	items    []json.RawMessage
	names    []string // of the items, as far as they can be read
	parallel int
	stop     bool // on failure
	digest   [32]byte
}

// accepted is the answer to a batch.
type accepted struct {
	ID       string         `json:"id"`
	Items    []acceptedItem `json:"items"`
	Accepted int            `json:"accepted"`
	Rejected int            `json:"rejected"`
}

// acceptedItem is what came of one item: an execution, or errors.
type acceptedItem struct {
	Index  int32                 `json:"index"`
	Name   Text                  `json:"name"`
	ID     Text                  `json:"id"`
	Errors execution.FieldErrors `json:"errors,omitempty"`
}

// submitBatch accepts executions to be run as one. Each item is accepted or
// refused by itself; if none is accepted, there is no batch.
func (s *Server) submitBatch(c *gin.Context) error {
	var body map[string]json.RawMessage
	if err := decodeUpTo(c, &body, false, maxBatchBody); err != nil {
		return err
	}
	if err := s.batching.Acquire(c.Request.Context(), 1); err != nil {
		return err
	}
	defer s.batching.Release(1)
	r, err := readBatch(body)
	key, keyErr := idempotencyKey(c.Request.Header)
	if err != nil || keyErr != nil {
		return refusal(keyErr, err)
	}
	user := c.GetString("user")
	b := execution.Batch{
		ID: string(execution.NewID()), UserID: user, Items: int32(len(r.items)), MaxParallel: int32(r.parallel), StopOnFailure: r.stop,
		CreatedAt: now(),
	}
	// A client that leaves now does not leave the work half done.
	ctx, stop := context.WithTimeout(context.WithoutCancel(c.Request.Context()), batchTimeout)
	defer stop()
	replayed, back, err := s.takeKey(ctx, user, key, r.digest, &b.ID)
	if err != nil {
		return err
	}
	if b, err = s.beginBatch(ctx, b, r, correlation(c), replayed); err != nil {
		back()
		return err
	}
	s.Log.InfoContext(c.Request.Context(), "batch accepted", "batch", b.ID, "user", user, "items", b.Items, "refused", len(b.Refused), "replayed", replayed, "correlation_id", correlation(c))
	if replayed {
		c.Header("Idempotency-Replayed", "true")
	}
	c.Header("Location", "/api/v1/batches/"+b.ID)
	c.JSON(http.StatusAccepted, acceptedOf(b, r.names))
	return nil
}

// readBatch reads a body: a submission whose fields all items have that have
// none of their own, the items, and how they are run.
func readBatch(all map[string]json.RawMessage) (r batchRequest, err error) {
	canonical, err := json.Marshal(all) // in the order of names
	if err != nil {
		return r, err
	}
	r.digest = sha256.Sum256(append([]byte("batch\n"), canonical...))
	own := struct {
		Items    []json.RawMessage `json:"items"`
		Parallel *int              `json:"max_parallel,omitempty"`
		Stop     bool              `json:"stop_on_failure,omitempty"`
	}{}
	if err := take(all, &own, "items", "max_parallel", "stop_on_failure"); err != nil {
		return r, err
	}
	if err := take(all, &r.defaults); err != nil {
		return r, err
	}
	r.items, r.names, r.parallel, r.stop = own.Items, namesOf(own.Items), usualParallel, own.Stop
	var wrong execution.FieldErrors
	if own.Parallel != nil {
		r.parallel = *own.Parallel
	}
	if r.parallel < 1 || r.parallel > maxParallel {
		wrong = append(wrong, execution.FieldError{Field: "max_parallel", Rule: "1.." + strconv.Itoa(maxParallel)})
	}
	if len(r.items) < 1 || len(r.items) > maxBatchItems {
		wrong = append(wrong, execution.FieldError{Field: "items", Rule: "1.." + strconv.Itoa(maxBatchItems)})
	}
	if len(wrong) > 0 {
		return r, wrong
	}
	return r, nil
}

// take reads the named members of all into to and removes them; without names,
// all that are left.
func take(all map[string]json.RawMessage, to any, names ...string) error {
	some := all
	if len(names) > 0 {
		some = map[string]json.RawMessage{}
		for _, name := range names {
			if value, ok := all[name]; ok {
				some[name] = value
				delete(all, name)
			}
		}
	}
	body, err := json.Marshal(some)
	if err != nil {
		return err
	}
	return strict(body, to)
}

// namesOf are what the client calls the items.
func namesOf(items []json.RawMessage) []string {
	names := make([]string, len(items))
	for i, raw := range items {
		var item struct {
			Name string `json:"name"`
		}
		_ = json.Unmarshal(raw, &item)
		names[i] = item.Name
	}
	return names
}

// beginBatch makes b durable and starts it, or leaves nothing of it.
func (s *Server) beginBatch(ctx context.Context, b execution.Batch, r batchRequest, correlation string, replayed bool) (execution.Batch, error) {
	if replayed {
		was, err := s.Batches.Batch(ctx, b.ID)
		if err == nil { // it may not have been started
			return was, notDurable(s.BatchSagas.StartBatch(ctx, was))
		}
		if execution.KindOf(err) != execution.NotFound {
			return b, err
		}
	}
	items, err := s.itemsOf(ctx, &b, r)
	if err != nil {
		return b, err
	}
	for i := range items {
		items[i].CorrelationID, items[i].Trace = correlation, tracing.Parent(ctx)
	}
	if err := s.batchRoom(ctx, b, items); err != nil {
		return b, err
	}
	id := b.ID
	if b, err = s.Batches.CreateBatch(ctx, b, items); err == nil {
		err = s.BatchSagas.StartBatch(ctx, b)
	}
	if err != nil && !replayed { // what is another's to answer for stays
		s.giveBack(ctx, id, func(ctx context.Context) error { return s.Batches.RemoveBatch(ctx, id) })
	}
	return b, notDurable(err)
}

// acceptedOf is the answer to b.
func acceptedOf(b execution.Batch, names []string) accepted {
	a := accepted{ID: b.ID, Items: make([]acceptedItem, b.Items), Accepted: b.Accepted(), Rejected: len(b.Refused)}
	for i := range a.Items {
		a.Items[i] = acceptedItem{Index: int32(i), Name: Text(names[i]), ID: Text(b.ItemID(i))}
	}
	for _, r := range b.Refused {
		a.Items[r.Index].ID, a.Items[r.Index].Errors = "", r.Errors
	}
	return a
}
