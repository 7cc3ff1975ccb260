package web

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
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
	if err := s.batching.Acquire(c.Request.Context(), 1); err != nil {
		return err
	}
	defer s.batching.Release(1)
	r, err := readBatch(c)
	key, keyErr := idempotencyKey(c.Request.Header)
	if err != nil || keyErr != nil {
		return refusal(keyErr, err)
	}
	user := c.GetString("user")
	b := execution.Batch{
		ID: string(execution.NewID()), UserID: user, Items: int32(len(r.items)), MaxParallel: int32(r.parallel), StopOnFailure: r.stop,
		CreatedAt: time.Now().UTC().Truncate(time.Millisecond),
	}
	// A client that leaves now does not leave the work half done.
	ctx, stop := context.WithTimeout(context.WithoutCancel(c.Request.Context()), batchTimeout)
	defer stop()
	replayed := false
	if key != "" {
		var holder execution.ID
		holder, replayed, err = s.Keys.Claim(ctx, user, key, r.digest, execution.ID(b.ID))
		if err != nil {
			return notDurable(err)
		}
		b.ID = string(holder)
	}
	id := b.ID
	if b, err = s.beginBatch(ctx, b, r, correlation(c), replayed); err != nil {
		if key != "" && !replayed {
			s.giveBack(ctx, id, func(ctx context.Context) error { return s.Keys.Unclaim(ctx, user, key) })
		}
		return err
	}
	s.Log.Info("batch accepted", "batch", b.ID, "user", user, "items", b.Items, "refused", len(b.Refused), "replayed", replayed, "correlation_id", correlation(c))
	if replayed {
		c.Header("Idempotency-Replayed", "true")
	}
	c.Header("Location", "/api/v1/batches/"+b.ID)
	c.JSON(http.StatusAccepted, acceptedOf(b, r.names))
	return nil
}

// readBatch reads the body of c: a submission whose fields all items have that
// have none of their own, the items, and how they are run.
func readBatch(c *gin.Context) (r batchRequest, err error) {
	var all map[string]json.RawMessage
	if err := decodeUpTo(c, &all, false, maxBatchBody); err != nil {
		return r, err
	}
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
		items[i].CorrelationID = correlation
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

// itemsOf returns the executions that r asks for, and notes in b which items are
// refused. If that is all of them, they are the error.
func (s *Server) itemsOf(ctx context.Context, b *execution.Batch, r batchRequest) (items []execution.Execution, err error) {
	all, errs := make([]execution.Execution, len(r.items)), make([]execution.FieldErrors, len(r.items))
	seen := map[string]int{}
	for i := range r.items {
		all[i], errs[i] = s.itemOf(*b, r, i)
		first, twice := seen[r.names[i]]
		if twice && r.names[i] != "" {
			errs[i] = append(errs[i], execution.FieldError{Field: "name", Rule: "is that of item " + strconv.Itoa(first)})
		} else {
			seen[r.names[i]] = i
		}
	}
	if err := s.fit(ctx, all, errs); err != nil {
		return nil, err
	}
	var wrong execution.FieldErrors
	size := 0
	for i, x := range all {
		if len(errs[i]) == 0 {
			items, size = append(items, x), size+x.Input.Size()
			continue
		}
		b.Refused = append(b.Refused, execution.RefusedItem{Index: int32(i), Name: r.names[i], Errors: errs[i]})
		for _, f := range errs[i] {
			wrong = append(wrong, execution.FieldError{Field: "items[" + strconv.Itoa(i) + "]." + f.Field, Rule: f.Rule})
		}
	}
	switch {
	case len(items) == 0:
		return nil, wrong
	case size > maxBatchInputs:
		return nil, execution.FieldErrors{{Field: "items", Rule: "with all inputs, also those that they share, at most " + strconv.Itoa(maxBatchInputs) + " bytes"}}
	}
	return items, nil
}

// itemOf is the execution of the item at index of b, and what is wrong with it.
func (s *Server) itemOf(b execution.Batch, r batchRequest, index int) (x execution.Execution, wrong execution.FieldErrors) {
	sub, err := r.submission(index)
	if err != nil {
		if wrong = add(nil, err); len(wrong) == 0 {
			wrong = execution.FieldErrors{{Field: "item", Rule: err.Error()}}
		}
		return x, wrong
	}
	x, err = s.executionOf(sub, b.UserID)
	wrong = add(nil, err)
	if name := r.names[index]; len(name) > maxItemName || strings.ContainsAny(name, "\x00\r\n") {
		wrong = append(wrong, execution.FieldError{Field: "name", Rule: "at most " + strconv.Itoa(maxItemName) + " bytes in one line"})
	}
	if err := s.mayAsk(b.UserID, x); err != nil {
		wrong = add(wrong, execution.FieldErrors{{Field: "priority", Rule: err.Error()}})
	}
	x.ID, x.CreatedAt = b.ItemID(index), b.CreatedAt
	x.BatchID, x.BatchIndex, x.BatchName = b.ID, int32(index), r.names[index]
	return x, wrong
}

// submission is the item at index, with what it shares with the others.
func (r batchRequest) submission(index int) (Submission, error) {
	item := struct {
		Name string `json:"name"`
		Submission
	}{}
	if err := strict(r.items[index], &item); err != nil {
		return Submission{}, err
	}
	return item.over(r.defaults, r.items[index])
}

// fit notes which items are larger than their pool. A queue that is full
// refuses all.
func (s *Server) fit(ctx context.Context, items []execution.Execution, wrong []execution.FieldErrors) error {
	sizes, most := map[execution.Capacity][]int{}, map[string]execution.Capacity{}
	for i, x := range items {
		if len(wrong[i]) > 0 {
			continue
		}
		c := execution.Capacity{UserID: x.UserID, Pool: x.Pool, CPUMillis: x.Limits.CPUMillis, MemoryBytes: execution.CapacityOf(x).MemoryBytes}
		sizes[c] = append(sizes[c], i)
		m := most[c.Pool]
		m.ID, m.UserID, m.Pool = x.ID, x.UserID, x.Pool
		m.CPUMillis, m.MemoryBytes = max(m.CPUMillis, c.CPUMillis), max(m.MemoryBytes, c.MemoryBytes)
		most[c.Pool] = m
	}
	for pool, m := range most {
		err := s.Queue.Check(ctx, m)
		if too := add(nil, err); len(too) == 0 && err != nil {
			return notDurable(err)
		} else if len(too) == 0 { // what is as large as all together fits, and so does each
			maps.DeleteFunc(sizes, func(c execution.Capacity, _ []int) bool { return c.Pool == pool })
		}
	}
	for c, which := range sizes {
		c.ID = items[which[0]].ID
		err := s.Queue.Check(ctx, c)
		too := add(nil, err)
		if err != nil && len(too) == 0 {
			return notDurable(err)
		}
		for _, i := range which {
			wrong[i] = too
		}
	}
	return nil
}

// batchRoom refuses b if its executions and those of other batches of the user
// could not all wait that come to the queue at once. The others wait in their
// batch, and take nothing of it.
func (s *Server) batchRoom(ctx context.Context, b execution.Batch, items []execution.Execution) error {
	open, err := s.BatchBook.OpenBatches(ctx, b.UserID)
	if err != nil {
		return notDurable(err)
	}
	abreast := b.Parallel()
	for _, o := range open {
		tally, err := s.tally(ctx, o)
		if err != nil {
			return notDurable(err)
		}
		if tally.FinishedAt == nil && o.ID != b.ID {
			abreast += o.Parallel()
		}
	}
	for _, pool := range poolsOf(items) {
		p, err := s.Policies.Policy(ctx, pool)
		if err != nil {
			return notDurable(err)
		}
		if p.UserQueued > 0 && abreast > p.UserQueued {
			return execution.Coded(execution.Exhausted, "user_queue_full",
				"your batches would have up to %d executions at once in the queue, and you may have %d there", abreast, p.UserQueued)
		}
	}
	return nil
}

func poolsOf(items []execution.Execution) (pools []string) {
	seen := map[string]bool{}
	for _, x := range items {
		if !seen[x.Pool] {
			seen[x.Pool], pools = true, append(pools, x.Pool)
		}
	}
	return pools
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
