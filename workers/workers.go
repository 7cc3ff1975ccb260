// Package workers runs workflows and activities.
package workers

import (
	"context"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"github.com/codesaga/codesaga/activities"
	"github.com/codesaga/codesaga/workflows"
)

// Run works until ctx is done, and then returns nil, or until it cannot.
func Run(ctx context.Context, c client.Client, a *activities.Activities) error {
	fatal := make(chan error, 1)
	w := worker.New(c, workflows.TaskQueue, worker.Options{
		Interceptors:      []interceptor.WorkerInterceptor{&errorMapper{}},
		WorkerStopTimeout: 20 * time.Second, // for activities under way
		OnFatalError:      func(err error) { fatal <- err },
	})
	for _, workflow := range []any{workflows.Execute, workflows.Batch, workflows.Fire, workflows.Deliver, workflows.Replay, workflows.Rebuild, workflows.Redrive, workflows.Sweep} {
		w.RegisterWorkflow(workflow)
	}
	w.RegisterActivity(a)
	if err := w.Start(); err != nil {
		return err
	}
	defer w.Stop()
	select {
	case <-ctx.Done():
		return nil
	case err := <-fatal:
		return err
	}
}
