package web

import (
	"context"
	"encoding/json"
	"maps"
	"strconv"
	"strings"

	"github.com/codesaga/codesaga/execution"
)

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
			wrong = append(wrong, execution.FieldError{Field: strings.TrimSuffix("items["+strconv.Itoa(i)+"]."+f.Field, "."), Rule: f.Rule})
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
			wrong = execution.FieldErrors{{Rule: err.Error()}}
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
func (r batchRequest) submission(index int) (b Submission, err error) {
	var said map[string]json.RawMessage
	if err := strict(r.items[index], &said); err != nil {
		return b, err
	}
	if name, ok := said["name"]; ok {
		if err := strict(name, new(string)); err != nil {
			return b, wrongField("name", "a string")
		}
		delete(said, "name")
	}
	if err := take(said, &b); err != nil {
		return b, err
	}
	return b.over(r.defaults, said), nil
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
