package bridge

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/codesaga/codesaga/execution"
)

// A recorder whose database takes 10 ms a call stores 300 chunks of one
// execution in a few calls, and a bad one harms no other.
func TestRecorderWritesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		codec, b := codecs(stocked(), "").Chunks, holding()
		for n := range int64(300) {
			value, err := codec.Encode(execution.Chunk{ExecutionID: "x1", Number: n + 1, Stream: execution.Stdout, At: noon})
			if err != nil {
				t.Fatal(err)
			}
			b.in = append(b.in, kafka.Message{Key: []byte("x1"), Offset: n, Value: value})
		}
		stored, calls := make(map[int64]int), 0
		record := func(_ context.Context, chunks ...execution.Chunk) error {
			time.Sleep(10 * time.Millisecond)
			b.mu.Lock()
			defer b.mu.Unlock()
			calls++
			for _, c := range chunks {
				if c.Number == 77 {
					return fmt.Errorf("too bad")
				}
			}
			for _, c := range chunks {
				stored[c.Number]++
			}
			return nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		c := &Consumer{Reader: b, Handle: OnChunks(codec, record), Dead: b, Topic: OutputTopic, Unordered: true, Log: quiet}
		if err := c.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if len(stored) != 299 || len(b.dead) != 1 || b.committed != 299 || calls > 100 {
			t.Errorf("stored %d in %d calls, buried %d, committed %d", len(stored), calls, len(b.dead), b.committed)
		}
	})
}
