package main

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"
)

const (
	throughputRuns = 600
	throughputAt   = 100 // under way at once
)

// throughput measures how many executions a second the platform carries from
// POST to result_stored when pods cost nothing, and beside it what the Temporal
// server alone does with a workflow that does as much of what costs it.
func throughput(ctx context.Context) error {
	fmt.Printf("Simulated pods: %d runs, %d at once, all roles in one process\n", throughputRuns, throughputAt)
	return onSimulatedPods(ctx, throughputAt, func(ctx context.Context, w *watcher, cluster *simulated) error {
		before, began := cluster.writes.Load(), time.Now()
		if err := w.flood(ctx, throughputRuns, throughputAt); err != nil {
			return err
		}
		took := time.Since(began)
		fmt.Printf("  %-46s %7.1f\n", "executions a second, POST → result_stored", throughputRuns/took.Seconds())
		fmt.Printf("  %-46s %7.1f\n", "writes to the Kubernetes API a run", float64(cluster.writes.Load()-before)/throughputRuns)
		rate, err := bare(ctx, throughputRuns, throughputAt)
		if err != nil {
			return err
		}
		fmt.Printf("  %-46s %7.1f\n\n", "bare Temporal workflows a second", rate)
		return nil
	})
}

// onSimulatedPods measures a platform whose pool has so many slots, on a cluster
// that runs nothing.
func onSimulatedPods(ctx context.Context, slots int, measure func(context.Context, *watcher, *simulated) error) error {
	dir, err := os.MkdirTemp("", "codesaga-simulated-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	cluster, kubeconfig, err := simulate(ctx, dir)
	if err != nil {
		return err
	}
	return with(ctx, []string{"all"}, func(ctx context.Context, w *watcher) error { return measure(ctx, w, cluster) },
		"KUBECONFIG="+kubeconfig, "CODESAGA_KUBECONFIG="+kubeconfig, "CODESAGA_POOL_CPU_MILLIS=0", "CODESAGA_POOL_MEMORY_BYTES=0",
		fmt.Sprintf("CODESAGA_MAX_CONCURRENT_EXECUTIONS=%d", slots), fmt.Sprintf("CODESAGA_MAX_QUEUED_PER_USER=%d", crowdRuns))
}

// flood submits n runs, so many at once, and waits for each one's end.
func (w *watcher) flood(ctx context.Context, n, atOnce int) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for range n {
		g.Go(func() error {
			id, err := w.submit(ctx, hello)
			if err != nil {
				return err
			}
			ended := false
			err = w.stream(ctx, id, func(event, _ string) { ended = ended || event == "result_stored" })
			if err == nil && !ended {
				err = fmt.Errorf("the stream of %s ended without its result", id)
			}
			return err
		})
	}
	return g.Wait()
}

// bare is how many workflows a second the server carries that have two short
// local activities and hear three signals, one after the other: what one
// execution costs it at the least.
func bare(ctx context.Context, n, atOnce int) (float64, error) {
	c, err := client.Dial(client.Options{HostPort: os.Getenv("CODESAGA_TEMPORAL_ADDRESS"), Namespace: namespace, Logger: silent{}})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	const queue = "bare"
	k := worker.New(c, queue, worker.Options{})
	k.RegisterWorkflow(bareWorkflow)
	if err := k.Start(); err != nil {
		return 0, err
	}
	defer k.Stop()
	var number atomic.Int64
	series := time.Now().UnixNano()
	began := time.Now()
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for range n {
		g.Go(func() error {
			id := fmt.Sprintf("bare-%d-%d", series, number.Add(1))
			run, err := c.ExecuteWorkflow(gctx, client.StartWorkflowOptions{ID: id, TaskQueue: queue, EnableEagerStart: true}, bareWorkflow)
			for i := 0; err == nil && i < signals; i++ {
				err = c.SignalWorkflow(gctx, id, "", "fact", i)
			}
			if err == nil {
				err = run.Get(gctx, nil)
			}
			return err
		})
	}
	err = g.Wait()
	return float64(n) / time.Since(began).Seconds(), err
}

const signals = 3

func bareWorkflow(ctx workflow.Context) error {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: time.Second})
	for range 2 {
		if err := workflow.ExecuteLocalActivity(ctx, func(context.Context) error { return nil }).Get(ctx, nil); err != nil {
			return err
		}
	}
	for range signals {
		workflow.GetSignalChannel(ctx, "fact").Receive(ctx, nil)
	}
	return nil
}

// silent drops what the SDK has to say.
type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}
