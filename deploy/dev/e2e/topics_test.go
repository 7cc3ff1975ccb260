package e2e

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

// record is what an auditor wants to know of one.
type record struct{ key, id, value string }

// readTopic reads all that is in a topic of this platform.
func (p *platform) readTopic(ctx context.Context, name string) (all []record, err error) {
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	name = p.prefix + name
	broker, _, _ := strings.Cut(p.kafka, ",")
	partitions, err := kafka.DefaultDialer.LookupPartitions(ctx, "tcp", broker, name)
	if err != nil {
		return nil, fmt.Errorf("topic %s: %w", name, err)
	}
	if len(partitions) == 0 {
		return nil, fmt.Errorf("there is no topic %s", name)
	}
	for _, partition := range partitions {
		records, err := readPartition(ctx, broker, name, partition.ID)
		if err != nil {
			return nil, fmt.Errorf("topic %s, partition %d: %w", name, partition.ID, err)
		}
		all = append(all, records...)
	}
	return all, nil
}

func readPartition(ctx context.Context, broker, topic string, partition int) (all []record, err error) {
	conn, err := kafka.DialLeader(ctx, "tcp", broker, topic, partition)
	if err != nil {
		return nil, err
	}
	first, last, err := conn.ReadOffsets()
	_ = conn.Close()
	if err != nil || first == last {
		return nil, err
	}
	r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{broker}, Topic: topic, Partition: partition, MaxBytes: 16 << 20, MaxWait: 100 * time.Millisecond})
	defer r.Close()
	if err := r.SetOffset(first); err != nil {
		return nil, err
	}
	for {
		m, err := r.ReadMessage(ctx)
		if err != nil {
			return nil, err
		}
		found := record{key: string(m.Key), value: string(m.Value)}
		for _, h := range m.Headers {
			if h.Key == "ce_id" {
				found.id = string(h.Value)
			}
		}
		all = append(all, found)
		if m.Offset >= last-1 {
			return all, nil
		}
	}
}

// dropTopics deletes the topics of this platform: a suite makes sixty
// partitions.
func (p *platform) dropTopics(ctx context.Context) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer stop()
	client := &kafka.Client{Addr: kafka.TCP(strings.Split(p.kafka, ",")...)}
	known, err := client.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return err
	}
	var ours []string
	for _, t := range known.Topics {
		if p.prefix != "" && strings.HasPrefix(t.Name, p.prefix) {
			ours = append(ours, t.Name)
		}
	}
	if len(ours) == 0 {
		return nil
	}
	answer, err := client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: ours})
	if err != nil {
		return err
	}
	for name, err := range answer.Errors {
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
