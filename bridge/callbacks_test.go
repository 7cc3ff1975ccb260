package bridge

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// A callback is called when there is something to read, and not before.
func TestCallbacksWaitForTheResult(t *testing.T) {
	var started []execution.ID
	urls := map[execution.ID]string{"told": "https://example.com/"}
	down := errors.New("away")
	do := Callbacks(func(_ context.Context, id execution.ID) (string, error) {
		if id == "unknown" {
			return "", down
		}
		return urls[id], nil
	}, func(_ context.Context, id execution.ID, delivery int) error {
		if delivery != 1 {
			t.Errorf("delivery %d", delivery)
		}
		started = append(started, id)
		return nil
	})
	for _, e := range []execution.Event{
		execution.NewEnding("told", "ann", execution.SourceKube, execution.Outcome{Status: execution.Completed}, time.Now()),
		execution.NewEvent("told", "ann", execution.SourceResults, execution.ResultStored, time.Now()),
		execution.NewEvent("quiet", "ann", execution.SourceResults, execution.ResultStored, time.Now()),
	} {
		if err := do(t.Context(), e); err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(started, []execution.ID{"told"}) {
		t.Errorf("started %v", started)
	}
	if err := do(t.Context(), execution.NewEvent("unknown", "ann", execution.SourceResults, execution.ResultStored, time.Now())); !errors.Is(err, down) {
		t.Errorf("an outage: %v", err)
	}
}
