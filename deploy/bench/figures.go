package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// marks is when things happened in one run, since it was asked for.
type marks map[string]time.Duration

// repeat does measure runs times, so many at once, and sorts the marks by
// their names. The order within a name is that of the runs' ends.
func repeat(ctx context.Context, runs, atOnce int, measure func(context.Context) (marks, error)) (map[string][]time.Duration, error) {
	all := map[string][]time.Duration{}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for range runs {
		g.Go(func() error {
			m, err := measure(ctx)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			for name, d := range m {
				all[name] = append(all[name], d)
			}
			return nil
		})
	}
	return all, g.Wait()
}

// quantile is the q-th of ds by the nearest rank.
func quantile(ds []time.Duration, q float64) time.Duration {
	if len(ds) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(ds))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// diff subtracts run by run.
func diff(a, b []time.Duration) []time.Duration {
	out := make([]time.Duration, min(len(a), len(b)))
	for i := range out {
		out[i] = a[i] - b[i]
	}
	return out
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func row(name string, ds []time.Duration) {
	fmt.Printf("%-38s %7.1f / %7.1f / %7.1f / %7.1f   n=%d\n", name,
		ms(quantile(ds, 0.5)), ms(quantile(ds, 0.95)), ms(quantile(ds, 0.99)), ms(quantile(ds, 1)), len(ds))
}
