package main

import (
	"context"
	"io"
	"strconv"
	"time"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/store"
)

// history is the store as web asks it.
type history struct{ *store.Store }

func (h history) List(ctx context.Context, f execution.Filter) ([]execution.Execution, string, error) {
	return h.Store.List(ctx, store.Filter(f))
}

func (h history) Events(ctx context.Context, id execution.ID, f execution.EventFilter) ([]execution.Event, string, error) {
	var after int64
	if f.After != "" {
		var err error
		if after, err = strconv.ParseInt(f.After, 10, 64); err != nil || after < 0 {
			return nil, "", execution.FieldErrors{{Field: "after", Rule: "a next_cursor of this list"}}
		}
	}
	page, next, err := h.Store.Events(ctx, id, f.Type, after, f.Limit)
	if err != nil || len(page) < f.Limit {
		return page, "", err
	}
	return page, strconv.FormatInt(next, 10), nil
}

func (h history) Since(ctx context.Context, id execution.ID, at execution.Position) ([]execution.Update, bool, error) {
	updates, err := h.Store.Since(ctx, id, at)
	more := len(updates) > 0 && !updates[len(updates)-1].Last()
	return updates, more, err
}

func (h history) Output(ctx context.Context, id execution.ID, stream execution.Stream, w io.Writer, limit int64) (int64, error) {
	if limit < 0 {
		return h.WriteOutput(ctx, w, id, stream)
	}
	b, err := h.Store.Output(ctx, id, stream, 0, limit)
	if err != nil {
		return 0, err
	}
	n, err := w.Write(b)
	return int64(n), err
}

// ledger is the store's as activities ask it.
type ledger struct{ *store.Ledger }

func (l ledger) Entries(ctx context.Context, before time.Time) ([]execution.Capacity, error) {
	seats, err := l.Holders(ctx)
	var old []execution.Capacity
	for _, s := range seats {
		if s.Since.Before(before) {
			old = append(old, s.Capacity)
		}
	}
	return old, err
}
