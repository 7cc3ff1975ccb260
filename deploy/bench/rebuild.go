package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/hamba/avro/v2"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	rebuiltEvents = 100_000
	eventsTopic   = "execution_events"
)

// rebuild measures how fast projections are made anew: the event store from
// Kafka, and then what follows from the events in it.
func rebuild(ctx context.Context) error {
	fmt.Printf("Projections made anew of %d events\n", rebuiltEvents)
	p, err := startPlatform(ctx, []string{"web", "worker"}, nil)
	if err != nil {
		return err
	}
	defer p.stop()
	if err := p.publish(ctx, rebuiltEvents); err != nil {
		return err
	}
	for _, order := range [][]string{{"events"}, {"executions", "-from", "store"}, {"executions", "-from", "kafka"}} {
		if err := p.rebuilt(ctx, order); err != nil {
			return err
		}
	}
	p.printMemory()
	return nil
}

// publish writes events that never happened, as the platform would.
func (p *platform) publish(ctx context.Context, n int) error {
	encode, err := p.encoder(ctx)
	if err != nil {
		return err
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(os.Getenv("CODESAGA_KAFKA_BROKERS"), ",")...),
		kgo.DefaultProduceTopic(p.prefix+eventsTopic), kgo.ProducerBatchCompression(kgo.ZstdCompression()))
	if err != nil {
		return err
	}
	defer c.Close()
	began := time.Now().UTC().Truncate(time.Millisecond).Add(-time.Hour)
	var failed error // set before Flush returns
	for i := range n {
		x, at := fmt.Sprintf("0190c0de-0000-7000-8000-%012d", i/10), began.Add(time.Duration(i)*10*time.Millisecond)
		value, err := encode(map[string]any{
			"id": fmt.Sprintf("%s/kube/pod_waiting/%d", x, i), "type": "pod_waiting", "execution_id": x, "user_id": "ann", "source": "kube", "occurred_at": at,
			"pod": map[string]any{"codesaga.Pod": map[string]any{"name": "execution-" + x, "reason": "Unschedulable", "message": "0/3 nodes are available: 3 Insufficient cpu"}},
		})
		if err != nil {
			return err
		}
		c.Produce(ctx, &kgo.Record{Key: []byte(x), Value: value, Headers: []kgo.RecordHeader{{Key: "ce_type", Value: []byte("pod_waiting")}}}, func(_ *kgo.Record, err error) {
			if err != nil {
				failed = err
			}
		})
	}
	if err := c.Flush(ctx); err != nil {
		return err
	}
	return failed
}

// encoder writes events in the wire format of the registry.
func (p *platform) encoder(ctx context.Context) (func(map[string]any) ([]byte, error), error) {
	answer, err := send(ctx, http.MethodGet, os.Getenv("CODESAGA_SCHEMA_REGISTRY_URL")+"/subjects/"+p.prefix+eventsTopic+"-value/versions/latest", nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("registry: %s", answer.Status)
	}
	var found struct {
		ID     uint32 `json:"id"`
		Schema string `json:"schema"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&found); err != nil {
		return nil, err
	}
	schema, err := avro.Parse(found.Schema)
	if err != nil {
		return nil, err
	}
	return func(event map[string]any) ([]byte, error) {
		value, err := avro.Marshal(schema, event)
		return append(binary.BigEndian.AppendUint32([]byte{0}, found.ID), value...), err
	}, nil
}

// rebuilt does what "codesaga projections rebuild" does, and prints its figures.
func (p *platform) rebuilt(ctx context.Context, order []string) error {
	cmd := exec.CommandContext(ctx, p.bin, append([]string{"projections", "rebuild", "-json"}, order...)...)
	cmd.Env = p.env
	began := time.Now()
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("rebuild %s: %w: %s", order, err, out)
	}
	var r struct {
		Done      int     `json:"done"`
		PerSecond float64 `json:"events_per_second"`
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return err
	}
	if r.Done != rebuiltEvents {
		return fmt.Errorf("rebuild %s: %d events of %d", order, r.Done, rebuiltEvents)
	}
	fmt.Printf("  %-46s %7.0f events/s; all of it %.1f s\n", strings.Join(order, " "), r.PerSecond, time.Since(began).Seconds())
	return nil
}
