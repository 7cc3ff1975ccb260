package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

const (
	replayEvents = 100_000
	replayTopic  = "replay.bench"
	replayBatch  = 1000
)

// replayed is a session, as far as it matters here.
type replayed struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	Error    string `json:"error"`
	Progress struct {
		Replayed int64 `json:"replayed"`
	} `json:"progress"`
}

// replay measures a session of many events, which is paused, whose worker is
// killed in the middle of a batch, and which goes on; and counts what is on its
// topic. Then it does it again, undisturbed.
func replay(ctx context.Context) (err error) {
	fmt.Printf("A replay of %d events, %d a batch, as fast as it goes\n", replayEvents, replayBatch)
	ctx, stop := context.WithCancel(as(ctx, operator))
	defer stop()
	p, err := startPlatform(ctx, []string{"web", "worker"}, nil)
	if err != nil {
		return err
	}
	defer p.stop()
	drop, err := p.fill(ctx)
	if err != nil {
		return err
	}
	defer drop()
	if err := p.disturbed(ctx); err != nil {
		return err
	}
	return p.undisturbed(ctx)
}

// fill stores events that never happened, and returns what removes them.
func (p *platform) fill(ctx context.Context) (drop func(), err error) {
	client, err := mongo.Connect(options.Client().ApplyURI(os.Getenv("CODESAGA_MONGO_URI")))
	if err != nil {
		return nil, err
	}
	db := client.Database(p.database)
	drop = func() {
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer stop()
		_ = db.Drop(ctx)
		_ = client.Disconnect(ctx)
	}
	began := time.Now().UTC().Truncate(time.Millisecond).Add(-time.Hour)
	for from := 0; from < replayEvents; from += 5000 {
		var docs []any
		for i := from; i < from+5000; i++ {
			x := fmt.Sprintf("0190c0de-0000-7000-8000-%012d", i/100)
			at := began.Add(time.Duration(i) * 10 * time.Millisecond)
			docs = append(docs, bson.M{
				"_id": fmt.Sprintf("%s/kube/pod_waiting/%06d", x, i), "type": "pod_waiting", "execution_id": x, "user_id": "ann", "source": "kube",
				"occurred_at": at, "recorded_at": at, "partition": i / 100 % 12, "offset": int64(i),
				"pod": bson.M{"name": "execution-" + x, "reason": "Unschedulable", "message": "0/3 nodes are available: 3 Insufficient cpu"},
			})
		}
		if _, err := db.Collection("events").InsertMany(ctx, docs, options.InsertMany().SetOrdered(false)); err != nil {
			drop()
			return nil, err
		}
	}
	return drop, nil
}

// session asks for something of a session.
func (p *platform) session(ctx context.Context, method, path string, body any) (r replayed, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return r, err
	}
	answer, err := send(ctx, method, p.server+"/api/v1/admin/replays"+path, bytes.NewReader(text))
	if err != nil {
		return r, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode/100 != 2 {
		return r, fmt.Errorf("%s %s: %s", method, path, answer.Status)
	}
	return r, json.NewDecoder(answer.Body).Decode(&r)
}

// begin starts a session.
func (p *platform) begin(ctx context.Context, topic string) (replayed, error) {
	return p.session(ctx, http.MethodPost, "", map[string]any{
		"name": "bench", "filter": map[string]any{"user_id": "ann"}, "target": map[string]any{"kind": "kafka", "topic": topic, "partitions": 6},
		"speed_multiplier": 100, "batch_size": replayBatch, "start": true,
	})
}

// until waits until a session is as it should be.
func (p *platform) until(ctx context.Context, id string, good func(replayed) bool) (replayed, error) {
	for {
		r, err := p.session(ctx, http.MethodGet, "/"+id, nil)
		switch {
		case err != nil:
			return r, err
		case good(r):
			return r, nil
		case r.Status == "failed":
			return r, fmt.Errorf("the replay failed: %s", r.Error)
		}
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func after(n int64) func(replayed) bool {
	return func(r replayed) bool { return r.Progress.Replayed >= n }
}

func ended(r replayed) bool { return r.Status == "completed" }

func (p *platform) disturbed(ctx context.Context) error {
	r, err := p.begin(ctx, replayTopic)
	if err != nil {
		return err
	}
	if _, err := p.until(ctx, r.ID, after(replayEvents/5)); err != nil {
		return err
	}
	if _, err := p.session(ctx, http.MethodPost, "/"+r.ID+"/pause", nil); err != nil {
		return err
	}
	asked := time.Now()
	for last := int64(-1); ; { // until the batch under way is written
		now, err := p.until(ctx, r.ID, func(replayed) bool { return true })
		if err != nil {
			return err
		}
		if now.Progress.Replayed == last && time.Since(asked) > 2*time.Second {
			break
		}
		last = now.Progress.Replayed
	}
	if _, err := p.session(ctx, http.MethodPost, "/"+r.ID+"/resume", nil); err != nil {
		return err
	}
	if _, err := p.until(ctx, r.ID, after(replayEvents/2)); err != nil {
		return err
	}
	worker := p.processes["worker"]
	if err := worker.Process.Kill(); err != nil {
		return err
	}
	_ = worker.Wait() // it was killed
	killed := time.Now()
	if err := p.start("worker", "worker", p.env); err != nil {
		return err
	}
	now, err := p.until(ctx, r.ID, func(replayed) bool { return true })
	if err != nil {
		return err
	}
	if _, err := p.until(ctx, r.ID, after(now.Progress.Replayed+1)); err != nil {
		return err
	}
	fmt.Printf("  %-46s %7.1f\n", "seconds from the kill to the next batch", time.Since(killed).Seconds())
	if _, err := p.until(ctx, r.ID, ended); err != nil {
		return err
	}
	return p.count(ctx, replayTopic)
}

func (p *platform) undisturbed(ctx context.Context) error {
	began := time.Now()
	r, err := p.begin(ctx, replayTopic+"-2")
	if err != nil {
		return err
	}
	if _, err := p.until(ctx, r.ID, ended); err != nil {
		return err
	}
	fmt.Printf("  %-46s %7.1f\n", "events a second", replayEvents/time.Since(began).Seconds())
	return p.count(ctx, replayTopic+"-2")
}

// count checks that each event is on a topic exactly once.
func (p *platform) count(ctx context.Context, topic string) error {
	ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	broker, _, _ := strings.Cut(os.Getenv("CODESAGA_KAFKA_BROKERS"), ",")
	partitions, err := kafka.DefaultDialer.LookupPartitions(ctx, "tcp", broker, p.prefix+topic)
	if err != nil {
		return err
	}
	times := map[string]int{}
	for _, partition := range partitions {
		if err := countPartition(ctx, broker, p.prefix+topic, partition.ID, times); err != nil {
			return err
		}
	}
	most := 0
	for _, n := range times {
		most = max(most, n)
	}
	if len(times) != replayEvents || most != 1 {
		return fmt.Errorf("%d of %d events are on %s, one of them %d times", len(times), replayEvents, topic, most)
	}
	fmt.Printf("  each of %d events is on %s exactly once\n", replayEvents, topic)
	return nil
}

func countPartition(ctx context.Context, broker, topic string, partition int, times map[string]int) error {
	conn, err := kafka.DialLeader(ctx, "tcp", broker, topic, partition)
	if err != nil {
		return err
	}
	first, last, err := conn.ReadOffsets()
	_ = conn.Close()
	if err != nil || first == last {
		return err
	}
	r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{broker}, Topic: topic, Partition: partition, MaxBytes: 16 << 20, MaxWait: 100 * time.Millisecond})
	defer func() { _ = r.Close() }()
	if err := r.SetOffset(first); err != nil {
		return err
	}
	for {
		m, err := r.ReadMessage(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(m.Headers, func(h kafka.Header) bool { return h.Key == "ce_id" })
		if i >= 0 {
			times[string(m.Headers[i].Value)]++
		}
		if m.Offset >= last-1 {
			return nil
		}
	}
}
