package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"go.temporal.io/api/batch/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"
)

// crowdRuns are those of one user; BENCH_CROWD says how many if not 10,000, which
// take two cores a quarter of an hour.
var crowdRuns = func() int {
	if n, err := strconv.Atoi(os.Getenv("BENCH_CROWD")); err == nil && n > 0 {
		return n
	}
	return 10_000
}()

const (
	guestRuns  = 50 // of the other
	crowdSlots = 4  // that both want
)

// crowd measures how long the runs of one user wait behind those of another, on
// simulated pods: alone, and then with a queue in front that keeps every slot
// busy.
func crowd(ctx context.Context) error {
	fmt.Printf("A crowd: %d runs of one user wait for %d slots; %d of another come one at a time\n", crowdRuns, crowdSlots, guestRuns)
	return onSimulatedPods(ctx, crowdSlots, func(ctx context.Context, w *watcher, _ *simulated) (err error) {
		defer func() { err = errors.Join(err, sendHome(context.WithoutCancel(ctx))) }() // also after an interrupt
		guest := as(ctx, "bob")
		alone, err := repeat(guest, guestRuns, 1, w.untilTask)
		if err != nil {
			return err
		}
		if err := w.order(ctx, "pause"); err != nil {
			return err
		}
		began := time.Now()
		putOff, err := w.submitAll(ctx, crowdRuns)
		if err != nil {
			return err
		}
		fmt.Printf("  %-46s %7.1f\n", "submissions a second, each into the queue", float64(crowdRuns)/time.Since(began).Seconds())
		fmt.Printf("  %-46s %7d\n", "of them answered 503 before they were accepted", putOff)
		if err := w.order(ctx, "resume"); err != nil {
			return err
		}
		behind, err := repeat(guest, guestRuns, 1, w.untilTask)
		if err != nil {
			return err
		}
		row("  alone: POST → task on the topic", alone["task"])
		row("  behind the crowd", behind["task"])
		row("  alone: POST → result_stored", alone["stored"])
		row("  behind the crowd", behind["stored"])
		fmt.Printf("  %-46s %7.1f\n\n", "behind the crowd / alone, p99 of the task", float64(quantile(behind["task"], 0.99))/float64(quantile(alone["task"], 0.99)))
		return nil
	})
}

// submitAll submits n runs, eight at a time, each until it is accepted, and
// returns how often one was put off.
func (w *watcher) submitAll(ctx context.Context, n int) (putOff int64, err error) {
	var off atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for range n {
		g.Go(func() error {
			_, n, err := w.accepted(ctx, hello, 30*time.Second)
			off.Add(n)
			return err
		})
	}
	err = g.Wait()
	return off.Load(), err
}

// untilTask is one run to its end.
func (w *watcher) untilTask(ctx context.Context) (marks, error) {
	start := time.Now()
	id, err := w.submit(ctx, hello)
	if err != nil {
		return nil, err
	}
	m := marks{}
	err = w.stream(ctx, id, func(event, _ string) {
		if event == "result_stored" {
			m["stored"] = time.Since(start)
		}
	})
	if err != nil {
		return nil, err
	}
	at, err := w.when(ctx, "task "+id)
	m["task"] = at.Sub(start)
	return m, err
}

// order has an operator pause or resume the pool.
func (w *watcher) order(ctx context.Context, what string) error {
	answer, err := send(as(ctx, operator), http.MethodPost, w.server+"/api/v1/admin/pools/default/"+what, nil)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", what, answer.Status)
	}
	return nil
}

// sendHome ends all executions that are left, at the Temporal server: nobody
// waits for them, and what is measured next should not share the machine with them.
func sendHome(ctx context.Context) error {
	c, err := client.Dial(client.Options{HostPort: os.Getenv("CODESAGA_TEMPORAL_ADDRESS"), Namespace: namespace, Logger: silent{}})
	if err != nil {
		return err
	}
	defer c.Close()
	const under = "WorkflowType = 'Execute' AND ExecutionStatus = 'Running'"
	_, err = c.WorkflowService().StartBatchOperation(ctx, &workflowservice.StartBatchOperationRequest{
		Namespace: namespace, JobId: fmt.Sprint("crowd-", time.Now().UnixNano()), Reason: "the measurement is over",
		VisibilityQuery: under, MaxOperationsPerSecond: 1000,
		Operation: &workflowservice.StartBatchOperationRequest_TerminationOperation{TerminationOperation: &batch.BatchOperationTermination{Identity: "bench"}},
	})
	if err != nil {
		return err
	}
	for {
		left, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace, Query: under})
		if err != nil || left.GetCount() < 10 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}
