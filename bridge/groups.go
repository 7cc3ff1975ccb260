package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/codesaga/codesaga/execution"
)

// purposes say what waits while a group is paused; of the workers of pools
// there is one for all.
var purposes = map[string]string{
	FactsGroup:     "Tells sagas what became of their pods. Paused, runs that started or ended are not noticed, and keep their capacity.",
	ResultsGroup:   "Stores results. Paused, runs have ended and no result, and their streams stay open.",
	CallbacksGroup: "Starts callbacks. Paused, nobody is called back.",
	ProjectorGroup: "Keeps the event store and the statuses. Paused, timelines, streams and statuses stand still.",
	LettersGroup:   "Keeps dead letters. Paused, they stay in their topic and nothing is redriven.",
	PlatformGroup:  "Keeps the events of the platform. Paused, operators do not find them.",
	InboxGroup:     "Keeps notices. Paused, they reach no inbox and no stream.",
	RecorderGroup:  "Stores output. Paused, output is only live, and results wait half a minute for it and then do without.",
}

const kubePurpose = "Makes pods. It is paused with its pool: codesaga queue pause."

// GroupKinds are the consumer groups of the platform that read topics, without
// how far they are.
func GroupKinds(topics ...Topic) (all []execution.ConsumerGroup) {
	for _, t := range topics {
		for _, name := range groups(t.Name) {
			g := execution.ConsumerGroup{Name: name, Topic: t.Name, Purpose: purposes[name], Pausable: true}
			if g.Purpose == "" {
				g.Purpose, g.Pausable = kubePurpose, false
			}
			all = append(all, g)
		}
	}
	return all
}

// Groups tells how far the consumer groups of the platform are that read
// topics, by their committed offsets: also those that nobody takes part in, and
// those that do not move. A topic that is not there yet has none. If Kafka is
// away it fails as Unavailable.
func (c Cluster) Groups(ctx context.Context, topics ...Topic) (all []execution.ConsumerGroup, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client, done := c.client()
	defer done()
	for _, t := range topics {
		kinds := GroupKinds(t)
		if len(kinds) == 0 {
			continue
		}
		first, err := c.offsets(ctx, kafka.FirstOffsetOf, t.Name)
		if errors.Is(err, kafka.UnknownTopicOrPartition) {
			continue
		}
		if err != nil {
			return nil, unavailable(err)
		}
		ends, err := c.offsets(ctx, kafka.LastOffsetOf, t.Name)
		if err != nil {
			return nil, unavailable(err)
		}
		for _, g := range kinds {
			if err := c.progressOf(ctx, client, &g, first[t.Name], ends[t.Name]); err != nil {
				return nil, unavailable(err)
			}
			all = append(all, g)
		}
	}
	return all, nil
}

// progressOf asks the coordinator of g how far it is between first and ends.
func (c Cluster) progressOf(ctx context.Context, client *kafka.Client, g *execution.ConsumerGroup, first, ends []int64) error {
	partitions := make([]int, len(ends))
	for p := range partitions {
		partitions[p] = p
	}
	topic, name := c.Prefix+g.Topic, c.Prefix+g.Name
	said, err := client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: name, Topics: map[string][]int{topic: partitions}})
	if err == nil {
		err = said.Error
	}
	if err != nil && !errors.Is(err, kafka.GroupIdNotFound) {
		return fmt.Errorf("offsets of %s: %w", name, err)
	}
	committed := make([]int64, len(ends))
	for p := range committed {
		committed[p] = -1
	}
	if err == nil {
		for _, p := range said.Topics[topic] {
			if p.Error != nil || p.Partition >= len(ends) {
				return fmt.Errorf("offset of %s in %s/%d: %w", name, topic, p.Partition, p.Error)
			}
			committed[p.Partition] = p.CommittedOffset
		}
	}
	for p, end := range ends {
		at := execution.GroupPartition{Partition: p, End: end, Lag: max(end-max(committed[p], first[p]), 0)} // what retention took away is not waited for
		if committed[p] >= 0 {
			at.Committed = &committed[p]
		}
		g.Lag += at.Lag
		g.Partitions = append(g.Partitions, at)
	}
	described, err := client.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{name}})
	if err != nil {
		return fmt.Errorf("members of %s: %w", name, err)
	}
	for _, d := range described.Groups {
		if d.GroupID == name {
			g.Members = len(d.Members)
		}
	}
	return nil
}

// Warden keeps a Gate as operators said, and tells the metrics how far the
// groups are.
type Warden struct {
	Gate    *Gate
	Paused  func(context.Context) ([]execution.GroupPause, error)
	Groups  func(context.Context) ([]execution.ConsumerGroup, error)
	Metrics *Metrics
	Log     *slog.Logger
}

const (
	wardenLook  = time.Second      // between two looks at who is paused
	wardenCount = 15 * time.Second // between two at how far they are
)

// Begin looks who is paused, before the first message is fetched. If that
// cannot be said nobody is, until Run finds out.
func (w *Warden) Begin(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	w.look(ctx)
}

// Run goes on until ctx is done. While the store or Kafka is away all stays as
// it was last.
func (w *Warden) Run(ctx context.Context) error {
	look, count := time.NewTicker(wardenLook), time.NewTicker(wardenCount)
	defer look.Stop()
	defer count.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
			w.look(ctx)
		case <-count.C:
			if all, err := w.Groups(ctx); err == nil {
				w.Metrics.groups(all, w.Gate)
			} else if ctx.Err() == nil {
				w.Log.Warn("cannot tell how far the consumer groups are", "err", err)
			}
		}
	}
}

func (w *Warden) look(ctx context.Context) {
	all, err := w.Paused(ctx)
	if err != nil {
		return // others say loudly enough that the store is away
	}
	var names []string
	for _, p := range all {
		names = append(names, p.Group)
	}
	paused, resumed := w.Gate.Pause(names...)
	for _, group := range paused {
		w.Log.Warn("consumer group paused", "group", group)
	}
	for _, group := range resumed {
		w.Log.Info("consumer group resumed", "group", group)
	}
}
