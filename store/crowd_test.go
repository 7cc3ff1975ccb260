package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/codesaga/codesaga/execution"
)

// crowd is how many of one user wait in the benchmarks (parity AD-13).
const crowd = 10_000

// crowded returns a ledger of ten, in which ann has as many running as she may,
// and a crowd that waits.
func crowded(b *testing.B, s *Store, policy execution.PoolPolicy) (l *Ledger, running []execution.ID) {
	b.Helper()
	ctx := b.Context()
	policy.Executions, policy.Queued, policy.AgeingSeconds = 10, 2*crowd, 300
	l = s.Ledger(policy)
	from := time.Now().UTC().Truncate(time.Millisecond).Add(-time.Minute)
	ann := func(n int) execution.Capacity {
		c := of("ann", execution.ID(fmt.Sprintf("0199a000-0000-7000-8000-%012d", n)), execution.Normal)
		c.Due = from.Add(time.Duration(n) * 6 * time.Millisecond) // as they come at 170/s
		return c
	}
	n := 0
	for ; ; n++ {
		a, err := l.Admit(ctx, ann(n))
		must(b, err)
		if !a.Granted {
			break
		}
		running = append(running, ann(n).ID)
	}
	var rest []waiter
	for range crowd - 1 {
		n++
		rest = append(rest, waiterOf(ann(n), time.Now()))
	}
	for part := range slices.Chunk(rest, 1000) {
		_, err := s.waiters.InsertMany(ctx, part)
		must(b, err)
	}
	return l, running
}

// one is the time that bob's run takes to be let in, and then released.
func one(b *testing.B, l *Ledger, n int, meanwhile func()) (in, out time.Duration) {
	b.Helper()
	ctx, bob := b.Context(), of("bob", execution.ID(fmt.Sprintf("0199b000-0000-7000-8000-%012d", n)), execution.Normal)
	begun := time.Now()
	for {
		a, err := l.Admit(ctx, bob)
		must(b, err)
		if a.Granted {
			break
		}
		meanwhile()
	}
	in, begun = time.Since(begun), time.Now()
	_, err := l.Release(ctx, bob.ID, "default")
	must(b, err)
	return in, time.Since(begun)
}

func report(b *testing.B, name string, all []time.Duration) {
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, name+"-p50-ms")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, name+"-p99-ms")
}

// BenchmarkCrowd measures how long a run of one user takes to be let in: into an
// empty pool; beside a crowd of another user who may run five of ten; and when
// that one has all ten, from when it asks until it has the turn of a run that
// ends as soon as it has asked.
func BenchmarkCrowd(b *testing.B) {
	b.Run("empty", func(b *testing.B) {
		l := openStore(b).Ledger(narrow(10))
		var in, out []time.Duration
		for b.Loop() {
			i, o := one(b, l, len(in), func() { b.Fatal("it waits") })
			in, out = append(in, i), append(out, o)
		}
		report(b, "admit", in)
		report(b, "release", out)
	})
	b.Run("capped", func(b *testing.B) {
		s := openStore(b)
		l, _ := crowded(b, s, execution.PoolPolicy{UserRunning: 5})
		var in, out []time.Duration
		for b.Loop() {
			i, o := one(b, l, len(in), func() { b.Fatal("it waits") })
			in, out = append(in, i), append(out, o)
		}
		report(b, "admit", in)
		report(b, "release", out)
		size(b, s)
	})
	b.Run("full", func(b *testing.B) {
		s := openStore(b)
		l, running := crowded(b, s, execution.PoolPolicy{})
		var in, turns []time.Duration
		for b.Loop() {
			i, _ := one(b, l, len(in), func() {
				begun := time.Now()
				granted, err := l.Release(b.Context(), running[0], "default")
				must(b, err)
				turns = append(turns, time.Since(begun))
				running = running[1:]
				if len(granted) == 0 || granted[0][:8] != "0199b000" {
					b.Fatalf("bob waits, and next is %v", granted)
				}
			})
			in = append(in, i)
			for range 10 - len(running) { // bob has gone: ann's next has his place
				running = next(b, l, running)
			}
		}
		report(b, "admit", in)
		report(b, "turn", turns)
		size(b, s)
	})
}

// next adds those who were let in to running, when they have heard of it.
func next(b *testing.B, l *Ledger, running []execution.ID) []execution.ID {
	b.Helper()
	p, err := l.load(b.Context(), "default")
	must(b, err)
	for _, id := range p.expectant() {
		_, err := l.Admit(b.Context(), of("ann", id, execution.Normal))
		must(b, err)
		running = append(running, id)
	}
	return running
}

// size reports how large the document of the pool is.
func size(b *testing.B, s *Store) {
	raw, err := s.pools.FindOne(b.Context(), bson.M{"_id": "default"}).Raw()
	must(b, err)
	n, err := s.waiters.CountDocuments(b.Context(), bson.M{})
	must(b, err)
	b.ReportMetric(float64(len(raw)), "pool-bytes")
	b.ReportMetric(float64(n), "waiters")
}

// BenchmarkQueue measures a crowd that comes: each of a user's runs is put
// behind the others.
func BenchmarkQueue(b *testing.B) {
	l, _ := crowded(b, openStore(b), execution.PoolPolicy{})
	var in []time.Duration
	for b.Loop() {
		begun := time.Now()
		a, err := l.Admit(b.Context(), of("ann", execution.NewID(), execution.Normal))
		must(b, err)
		if a.Granted || a.Position < crowd {
			b.Fatalf("%+v", a)
		}
		in = append(in, time.Since(begun))
	}
	report(b, "admit", in)
}
