package bridge

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/codesaga/codesaga/execution"
)

// What it costs to make a message of a value, and to read it: time, allocations
// and bytes on the wire before compression. Of output there are 4 KiB.
func BenchmarkCodec(b *testing.B) {
	c := codecs(stocked(), "")
	chunk := aChunk
	chunk.Bytes = []byte(strings.Repeat("0123456789abcde\n", 256))
	benchmarkCodec(b, "event", c.Events, anEvent)
	benchmarkCodec(b, "event without parts", c.Events, execution.NewEvent(execution.NewID(), "ann", execution.SourceKube, execution.PodDeleted, noon))
	benchmarkCodec(b, "task", c.Tasks, aTask)
	benchmarkCodec(b, "chunk of 4 KiB", c.Chunks, chunk)
	benchmarkCodec(b, "result", c.Results, aResult)
}

func benchmarkCodec[T any](b *testing.B, name string, c *Codec[T], v T) {
	value, err := c.Encode(v)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode "+name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Encode(v); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(value)), "bytes")
	})
	b.Run("decode "+name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Decode(value); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// How a consumer keeps up with 1,000 messages a second, of 100 keys, with a
// handler that takes 2 ms as the database does: how late a message is, and what
// the lag is at most. The broker is in this process.
func BenchmarkConsumer(b *testing.B) {
	const rate = 1000
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(12, tried, DeadTopic))
	if err != nil {
		b.Fatal(err)
	}
	defer fake.Close()
	c := Cluster{Brokers: fake.ListenAddrs()}
	w := c.Writer()
	defer w.Close()
	var done, late, most, wrote atomic.Int64
	consumer := &Consumer{
		Reader: c.Reader(triers, tried), Dead: w, Topic: tried, Group: triers, Window: 256, Log: slog.New(slog.DiscardHandler),
		Handle: func(_ context.Context, m kafka.Message) error {
			time.Sleep(2 * time.Millisecond)
			late.Add(int64(time.Since(m.Time)))
			if lag := wrote.Load() - done.Add(1); lag > most.Load() {
				most.Store(lag)
			}
			return nil
		},
	}
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx) }()
	if _, err := fake.WaitGroupStable(b.Context(), triers, 1); err != nil {
		b.Fatal(err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for b.Loop() { // a hundredth of a second each
		<-tick.C
		var lot []kafka.Message
		for i := range rate / 100 {
			lot = append(lot, kafka.Message{Topic: tried, Key: fmt.Append(nil, (int(wrote.Load())+i)%100), Value: []byte("x"), Time: time.Now()})
		}
		if err := w.WriteMessages(b.Context(), lot...); err != nil {
			b.Fatal(err)
		}
		wrote.Add(int64(len(lot)))
	}
	for done.Load() < wrote.Load() {
		<-tick.C
	}
	b.ReportMetric(float64(late.Load())/float64(done.Load())/1e6, "ms-late/message")
	b.ReportMetric(float64(most.Load()), "messages-behind-at-most")
	stop()
	if err := <-ended; err != nil {
		b.Error(err)
	}
}
