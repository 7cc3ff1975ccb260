package temporal

import (
	"context"
	"strconv"

	"go.temporal.io/sdk/client"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/workflows"
)

// StartCallback starts to tell the callback_url of id of its end, unless that
// was started before: delivery is 1 of what comes by itself, and more of what
// was asked for.
func (s Sagas) StartCallback(ctx context.Context, id execution.ID, delivery int) error {
	return s.start(ctx, client.StartWorkflowOptions{ID: callbackOf(id, delivery)}, workflows.Deliver,
		workflows.DeliverInput{ExecutionID: id, Delivery: delivery})
}

// HurryCallback has a delivery that waits for its next attempt make it now. One
// that is over is NotFound.
func (s Sagas) HurryCallback(ctx context.Context, id execution.ID, delivery int) error {
	return s.RetryStep(ctx, execution.ID(callbackOf(id, delivery)))
}

// callbackOf is the ID of the workflow of a delivery.
func callbackOf(id execution.ID, delivery int) string {
	if delivery > 1 {
		return "callback-" + string(id) + "-" + strconv.Itoa(delivery)
	}
	return "callback-" + string(id)
}
