package bridge

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
)

// However messages of some partitions are done, in any order and with
// partitions that begin anew: what is committed has no gap before it.
func TestCommitsAreContiguous(t *testing.T) {
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 1))
		committed := map[int]int64{0: -1, 1: -1, 2: -1}
		p := newProgress(func(_ context.Context, ms ...kafka.Message) error {
			committed[ms[0].Partition] = ms[0].Offset
			return nil
		}, func(int, int64) {})
		done, next, fetched := map[[2]int64]bool{}, map[int]int64{}, map[int]int64{0: -1, 1: -1, 2: -1}
		var open []kafka.Message
		for range 300 {
			part := random.IntN(3)
			switch n := random.IntN(20); {
			case n == 0: // a rebalance
				next[part] = committed[part] + 1
			case n < 10:
				m := kafka.Message{Partition: part, Offset: next[part], HighWaterMark: next[part] + 1}
				next[part] += 1 + int64(random.IntN(2)*random.IntN(3)) // compaction leaves gaps
				if next[part] > m.Offset+1 {
					for gap := m.Offset + 1; gap < next[part]; gap++ {
						done[[2]int64{int64(part), gap}] = true
					}
				}
				if err := p.expect(t.Context(), m); err != nil {
					t.Fatal(err)
				}
				open = append(open, m)
				fetched[part] = m.Offset
			case len(open) > 0:
				i := random.IntN(len(open))
				m := open[i]
				open = slices.Delete(open, i, i+1)
				done[[2]int64{int64(m.Partition), m.Offset}] = true
				if err := p.with(t.Context(), m); err != nil {
					t.Fatal(err)
				}
			}
			for part, last := range committed {
				for offset := range last + 1 {
					if !done[[2]int64{int64(part), offset}] {
						t.Fatalf("seed %d: partition %d: committed %d, but %d is not done", seed, part, last, offset)
					}
				}
			}
		}
		for _, m := range open {
			if err := p.with(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		if !maps.Equal(committed, fetched) || !p.room.TryAcquire(backlog) {
			t.Fatalf("seed %d: all is done; committed %v of %v", seed, committed, fetched)
		}
	}
}

// While one key waits the others go on, but only so far.
func TestBacklogIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := make([]string, backlog+500)
		for i := range keys {
			keys[i] = "k" + strconv.Itoa(i%50)
		}
		keys[0] = "stuck"
		b := holding(keys...)
		free := make(chan struct{})
		b.after(time.Hour, func() {
			if left := len(b.in); left < 499 {
				t.Errorf("%d left", left)
			}
			close(free)
		})
		got := b.consume(t, func(_ context.Context, value string) error {
			if value == "stuck0" {
				<-free
			}
			return nil
		}, 2*time.Hour)
		if len(got) != len(keys) || b.committed != int64(len(keys)-1) {
			t.Errorf("handled %d, committed %d", len(got), b.committed)
		}
	})
}

// What a dashboard needs to know of a consumer: what became of its messages,
// how many wait, and that somebody sends what it does not understand.
func TestConsumerCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, registry := holding("a", "b", "c"), prometheus.NewRegistry()
		for i := range b.in {
			b.in[i].HighWaterMark = 10
		}
		b.in[0].Headers = []kafka.Header{header(typeHeader, "pod_created")}
		b.in[1].Headers = []kafka.Header{header(typeHeader, "pod_levitated")}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		c := &Consumer{
			Reader: b, Dead: b, Topic: EventsTopic, Group: "g", Log: quiet, Metrics: NewMetrics(registry),
			Handle: func(_ context.Context, m kafka.Message) error {
				if string(m.Key) == "c" {
					return errors.New("never works")
				}
				return nil
			},
		}
		if err := c.Run(ctx); err != nil {
			t.Fatal(err)
		}
		want := map[string]float64{
			"codesaga_bridge_lag_messages g 0 execution_events":         7,
			"codesaga_bridge_messages_total g handled execution_events": 2,
			"codesaga_bridge_messages_total g failed execution_events":  3,
			"codesaga_bridge_messages_total g dead execution_events":    1,
			"codesaga_bridge_unknown_events_total g execution_events":   1,
			"codesaga_letters_oldest_seconds":                           0,
			"codesaga_bridge_subscribers":                               0,
			"codesaga_bridge_subscribers_dropped_total":                 0,
		}
		if diff := cmp.Diff(want, figures(t, registry)); diff != "" {
			t.Error(diff)
		}
	})
}
