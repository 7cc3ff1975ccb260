package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	reconnects     = 10_000
	reconnectRuns  = 50 // that are followed at once
	reconnectSlots = 15 // of them run at once: a node of two cores takes no more
	reconnectLines = 120
)

// reconnectScript prints a line twice a second, for a minute.
var reconnectScript = fmt.Sprintf("import time\nfor i in range(%d):\n    print(f'line {i:06d}', flush=True)\n    time.sleep(0.5)\n", reconnectLines)

// reconnect follows runs over connections that are cut at random, each to one of
// two web processes at random, and counts what is missing or comes twice.
func reconnect(ctx context.Context) error {
	fmt.Printf("Streams cut at random: %d reconnects over two web processes, while %d runs are followed, of which %d at a time print two lines a second each\n", reconnects, reconnectRuns, reconnectSlots)
	return with(ctx, []string{"web", "worker", "bridge", "kube"}, func(ctx context.Context, w *watcher) error {
		if err := w.startWeb(ctx, "web-2"); err != nil {
			return err
		}
		var want strings.Builder
		for i := range reconnectLines {
			fmt.Fprintf(&want, "line %06d\n", i)
		}
		var connections, gaps, doubles, wrong, runs, failed atomic.Int64
		began := time.Now()
		for connections.Load() < reconnects {
			g, ctx := errgroup.WithContext(ctx)
			for range reconnectRuns {
				g.Go(func() error {
					f, n, err := w.pursue(ctx)
					if err != nil {
						return err
					}
					connections.Add(n)
					gaps.Add(int64(f.gaps))
					doubles.Add(int64(f.doubles))
					runs.Add(1)
					switch {
					case f.failed: // the platform was too busy to begin it
						failed.Add(1)
					case string(f.text) != want.String():
						wrong.Add(1)
					}
					return nil
				})
			}
			if err := g.Wait(); err != nil {
				return err
			}
		}
		for _, figure := range []struct {
			name  string
			value float64
		}{
			{"runs", float64(runs.Load())}, {"of them, that did not complete", float64(failed.Load())}, {"reconnects", float64(connections.Load())}, {"reconnects a second", float64(connections.Load()) / time.Since(began).Seconds()},
			{"gaps", float64(gaps.Load())}, {"doubles", float64(doubles.Load())}, {"runs whose text is not what they printed", float64(wrong.Load())},
		} {
			fmt.Printf("  %-46s %7.1f\n", figure.name, figure.value)
		}
		fmt.Println()
		if gaps.Load()+doubles.Load()+wrong.Load() > 0 {
			return errors.New("streams lost or repeated something")
		}
		return nil
	}, slots(reconnectSlots)...)
}

// pursue follows one run to its end, over connections that live for less than a
// second, and returns how many there were beside the first.
func (w *watcher) pursue(ctx context.Context) (f *follower, again int64, err error) {
	id, _, err := w.accepted(ctx, reconnectScript, 5*time.Minute)
	if err != nil {
		return nil, 0, err
	}
	f = &follower{id: id, seen: map[string]bool{}}
	for ; ; again++ {
		life, stop := context.WithTimeout(ctx, rand.N(time.Second))
		err := f.follow(life, w.webs[rand.IntN(len(w.webs))])
		cut := life.Err() != nil
		stop()
		switch {
		case f.ended:
			return f, again, nil
		case ctx.Err() != nil:
			return f, again, ctx.Err()
		case err != nil && !cut:
			return f, again, err
		}
	}
}

// slots are settings of a platform that runs so many at once, whatever they are
// allowed to use.
func slots(n int) []string {
	return []string{"CODESAGA_POOL_CPU_MILLIS=0", "CODESAGA_POOL_MEMORY_BYTES=0", fmt.Sprintf("CODESAGA_MAX_CONCURRENT_EXECUTIONS=%d", n)}
}
