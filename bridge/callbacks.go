package bridge

import (
	"context"

	"github.com/codesaga/codesaga/execution"
)

// Callbacks starts to tell those who are to be told of an execution's end, once
// its result can be read. urlOf says who that is, if anybody; start does nothing
// the second time.
func Callbacks(urlOf func(context.Context, execution.ID) (string, error), start func(ctx context.Context, id execution.ID, delivery int) error) func(context.Context, execution.Event) error {
	return func(ctx context.Context, e execution.Event) error {
		if e.Type != execution.ResultStored {
			return nil
		}
		url, err := urlOf(ctx, e.ExecutionID)
		if err != nil || url == "" {
			return err
		}
		return start(ctx, e.ExecutionID, 1)
	}
}
