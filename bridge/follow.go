package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/codesaga/codesaga/execution"
)

// Run delivers what is written to execution_events and execution_output, and
// that something is written to notification_events, from now on, until ctx ends.
// It reads each partition with one reader and no group: every process hears of
// everything, and their number does not grow with that of the subscribers. It
// connects anew for ever, and goes on where it was.
func (r *Router) Run(ctx context.Context) error {
	var busy sync.WaitGroup
	defer busy.Wait()
	following := make(map[string]int) // topic → how many partitions are read
	var down outage
	for {
		starts, err := r.Cluster.ends(ctx, EventsTopic, OutputTopic, NotificationsTopic)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			down.note(r.Cluster.log(), "cannot find the partitions to follow", "err", err)
			if down.wait(ctx) != nil {
				return nil
			}
			continue
		}
		down.over(r.Cluster.log(), "found the partitions to follow")
		first := len(following) == 0
		for topic, offsets := range starts {
			for partition := following[topic]; partition < len(offsets); partition++ {
				offset := offsets[partition]
				if !first { // a partition that is added later is read as a whole
					offset = 0
				}
				busy.Go(func() { r.follow(ctx, topic, partition, offset) })
			}
			following[topic] = max(following[topic], len(offsets))
		}
		if first {
			close(r.readied())
		}
		if sleep(ctx, time.Minute) != nil { // then look for partitions that were added
			return nil
		}
	}
}

// readied is Ready, to be closed.
func (r *Router) readied() chan struct{} {
	r.Ready()
	return r.ready
}

// follow delivers what is in a partition from offset on. The offset is a number
// and not "the end", which would be another one after each loss of connection.
func (r *Router) follow(ctx context.Context, topic string, partition int, offset int64) {
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers:        r.Cluster.Brokers,
		Topic:          r.Cluster.Prefix + topic,
		Partition:      partition,
		QueueCapacity:  16,
		MaxBytes:       2 * maxMessage,
		MaxWait:        time.Second, // Close waits for it; new messages do not
		ReadBackoffMin: 5 * time.Millisecond,
		ReadBackoffMax: time.Second,
		ErrorLogger:    r.Cluster.errors("kafka follower"),
	})
	defer reader.Close()
	r.readers.Add(1)
	defer r.readers.Add(-1)
	err := reader.SetOffset(offset) // fails only when the reader is closed
	var down outage
	for err == nil {
		var m kafka.Message
		m, err = reader.FetchMessage(ctx)
		switch {
		case err == nil:
			down.over(r.Cluster.log(), "following again", "topic", topic, "partition", partition)
			r.hand(topic, m)
		case ctx.Err() != nil:
		default:
			down.note(r.Cluster.log(), "cannot follow", "topic", topic, "partition", partition, "err", err)
			if !closed(err) {
				// The reader waits between its own tries and queues an error for
				// each: to wait here as well is to be told of the outage long
				// after it is over.
				err = nil
			}
		}
	}
}

// hand delivers m if anybody wants it. What cannot be read is a gap to them.
func (r *Router) hand(topic string, m kafka.Message) {
	id := execution.ID(m.Key)
	if topic == NotificationsTopic {
		id = noticesOf(string(m.Key))
	}
	if !r.wanted(id) || replayed(m) { // of most executions nobody here has the stream open
		return
	}
	if topic == EventsTopic && others(m, ProjectorGroup) || topic == OutputTopic && others(m, RecorderGroup) || topic == NotificationsTopic && others(m, InboxGroup) {
		return // a copy that comes to no store, where a stream would wait for it
	}
	u, err := r.update(topic, m)
	if err != nil {
		r.Cluster.log().Error("cannot read update", "topic", topic, "partition", m.Partition, "offset", m.Offset, "err", err)
		r.cut(id)
		return
	}
	r.Deliver(id, u)
}

// update is what m says, and where a stream is after it.
func (r *Router) update(topic string, m kafka.Message) (u execution.Update, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	switch topic {
	case EventsTopic:
		e, err := r.Codecs.Events.Decode(m.Value)
		return execution.Update{At: execution.Position{Event: m.Offset + 1}, Event: &e}, err
	case OutputTopic:
		c, err := r.Codecs.Chunks.Decode(m.Value)
		return execution.Update{At: execution.Position{Output: c.Number}, Chunk: &c}, err
	case NotificationsTopic: // who is woken finds it in the store
		return u, nil
	default:
		return u, errors.New("no topic of streams")
	}
}

// ends returns, for each partition of each topic, the offset that its next
// message will have.
func (c Cluster) ends(ctx context.Context, topics ...string) (map[string][]int64, error) {
	return c.offsets(ctx, kafka.LastOffsetOf, topics...)
}

// offsets asks for one of each partition of each topic.
func (c Cluster) offsets(ctx context.Context, which func(partition int) kafka.OffsetRequest, topics ...string) (map[string][]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client, done := c.client()
	defer done()
	names := make([]string, len(topics))
	for i, topic := range topics {
		names[i] = c.Prefix + topic
	}
	found, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: names})
	if err != nil {
		return nil, err
	}
	ask := make(map[string][]kafka.OffsetRequest)
	for _, t := range found.Topics {
		if t.Error != nil {
			return nil, fmt.Errorf("%s: %w", t.Name, t.Error)
		}
		for p := range t.Partitions {
			ask[t.Name] = append(ask[t.Name], which(p))
		}
	}
	said, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: ask})
	if err != nil {
		return nil, err
	}
	offsets := make(map[string][]int64)
	for i, topic := range topics {
		offsets[topic] = make([]int64, len(ask[names[i]]))
		for _, p := range said.Topics[names[i]] {
			if p.Error != nil {
				return nil, fmt.Errorf("%s/%d: %w", names[i], p.Partition, p.Error)
			}
			offsets[topic][p.Partition] = max(p.FirstOffset, p.LastOffset) // what was not asked for is -1
		}
		if len(offsets[topic]) == 0 || len(said.Topics[names[i]]) != len(offsets[topic]) {
			return nil, fmt.Errorf("%s: no partitions", names[i])
		}
	}
	return offsets, nil
}

// log is where the cluster's trouble is told.
func (c Cluster) log() *slog.Logger {
	if c.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Log
}
