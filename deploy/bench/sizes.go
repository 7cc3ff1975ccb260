package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.temporal.io/sdk/client"
)

const sizedRuns = 100

// sizes measures what runs leave behind: bytes in the topics, in the collections
// and in the histories of sagas: what a calculation of growth needs.
func sizes(ctx context.Context, w *watcher) error {
	l, err := openLedgers(w.platform)
	if err != nil {
		return err
	}
	defer l.close()
	for _, kind := range []struct{ name, script string }{
		{"that print a line", hello},
		{"that print 16 KiB in 256 lines", `for i in range(256): print(("%05d " % (i * 7919 % 65521)) * 10 + "abc")`},
	} {
		fmt.Printf("%d runs %s; what one of them leaves behind\n", sizedRuns, kind.name)
		before, err := l.look(ctx)
		if err != nil {
			return err
		}
		ids, err := w.finish(ctx, kind.script)
		if err != nil {
			return err
		}
		histories, err := l.histories(ctx, ids) // when they are over, all is written
		if err != nil {
			return err
		}
		after, err := l.look(ctx)
		if err != nil {
			return err
		}
		after["temporal history"] = histories
		after.print(before)
		fmt.Println()
	}
	return nil
}

// finish has script run and returns which executions those were.
func (w *watcher) finish(ctx context.Context, script string) (ids []string, err error) {
	var mu sync.Mutex
	_, err = repeat(ctx, sizedRuns, 4, func(ctx context.Context) (marks, error) {
		id, err := w.submit(ctx, script)
		if err != nil {
			return nil, err
		}
		mu.Lock()
		ids = append(ids, id)
		mu.Unlock()
		return nil, w.stream(ctx, id, func(string, string) {})
	})
	return ids, err
}

// amount is how much there is of something.
type amount struct {
	n     int64 // messages, documents or events of histories
	bytes int64 // of their keys, values and headers; of BSON
	disk  int64 // of the segments of a topic's leaders; 0: not known
}

// amounts are those of all topics and collections, and of histories.
type amounts map[string]amount

func (a amounts) print(before amounts) {
	fmt.Printf("  %-38s %8s %10s %10s\n", "", "count", "bytes", "on disk")
	var sum amount
	for _, name := range slices.Sorted(maps.Keys(a)) {
		d := amount{a[name].n - before[name].n, a[name].bytes - before[name].bytes, a[name].disk - before[name].disk}
		if d.n == 0 {
			continue
		}
		disk := "–"
		if d.disk > 0 {
			disk = fmt.Sprint(d.disk / sizedRuns)
		}
		fmt.Printf("  %-38s %8.1f %10d %10s\n", name, float64(d.n)/sizedRuns, d.bytes/sizedRuns, disk)
		sum.bytes += d.bytes
	}
	fmt.Printf("  %-38s %8s %10d\n", "together", "", sum.bytes/sizedRuns)
}

// ledgers are where runs leave something.
type ledgers struct {
	*platform
	kafka  *kadm.Client
	mongo  *mongo.Client
	sagas  client.Client
	broker []string
}

func openLedgers(p *platform) (*ledgers, error) {
	l := &ledgers{platform: p, broker: strings.Split(os.Getenv("CODESAGA_KAFKA_BROKERS"), ",")}
	k, err := kgo.NewClient(kgo.SeedBrokers(l.broker...))
	if err != nil {
		return nil, err
	}
	l.kafka = kadm.NewClient(k)
	if l.mongo, err = mongo.Connect(options.Client().ApplyURI(os.Getenv("CODESAGA_MONGO_URI"))); err != nil {
		return nil, err
	}
	l.sagas, err = client.Dial(client.Options{HostPort: os.Getenv("CODESAGA_TEMPORAL_ADDRESS"), Namespace: namespace, Logger: silent{}})
	return l, err
}

func (l *ledgers) close() {
	l.kafka.Close()
	_ = l.mongo.Disconnect(context.Background())
	l.sagas.Close()
}

func (l *ledgers) look(ctx context.Context) (amounts, error) {
	a := amounts{}
	if err := l.topics(ctx, a); err != nil {
		return nil, err
	}
	return a, l.collections(ctx, a)
}

func (l *ledgers) topics(ctx context.Context, a amounts) error {
	topics, err := l.kafka.ListTopics(ctx)
	if err != nil {
		return err
	}
	var ours []string
	for _, t := range topics.Names() {
		if strings.HasPrefix(t, l.prefix) {
			ours = append(ours, t)
		}
	}
	ends, err := l.kafka.ListEndOffsets(ctx, ours...)
	if err != nil {
		return err
	}
	dirs, err := l.kafka.DescribeAllLogDirs(ctx, topics.TopicsSet())
	if err != nil {
		return err
	}
	disk := map[string]int64{}
	dirs.Each(func(d kadm.DescribedLogDir) {
		d.Topics.Each(func(p kadm.DescribedLogDirPartition) { disk[p.Topic] += p.Size })
	})
	for _, t := range ours {
		n, bytes, err := l.read(ctx, t, ends[t])
		if err != nil {
			return err
		}
		a["topic "+strings.TrimPrefix(t, l.prefix)] = amount{n, bytes, disk[t]}
	}
	return nil
}

// read counts the messages of a topic up to its ends, and their bytes as they
// are when they are not compressed.
func (l *ledgers) read(ctx context.Context, topic string, ends map[int32]kadm.ListedOffset) (n, bytes int64, err error) {
	from, left := map[int32]kgo.Offset{}, map[int32]int64{}
	for partition, end := range ends {
		if end.Offset > 0 {
			from[partition], left[partition] = kgo.NewOffset().AtStart(), end.Offset
		}
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(l.broker...), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))
	if err != nil {
		return 0, 0, err
	}
	defer c.Close()
	for len(left) > 0 {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return 0, 0, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			n, bytes = n+1, bytes+int64(len(r.Key)+len(r.Value))
			for _, h := range r.Headers {
				bytes += int64(len(h.Key) + len(h.Value))
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
	return n, bytes, nil
}

func (l *ledgers) collections(ctx context.Context, a amounts) error {
	db := l.mongo.Database(l.database)
	names, err := db.ListCollectionNames(ctx, bson.D{})
	if err != nil {
		return err
	}
	for _, name := range names {
		all, err := db.Collection(name).Find(ctx, bson.D{})
		if err != nil {
			return err
		}
		var here amount
		for all.Next(ctx) {
			here.n, here.bytes = here.n+1, here.bytes+int64(len(all.Current))
		}
		if err := all.Err(); err != nil {
			return err
		}
		a["collection "+name] = here
	}
	return nil
}

// histories waits until sagas are over, and adds up their histories.
func (l *ledgers) histories(ctx context.Context, ids []string) (a amount, err error) {
	for _, id := range ids {
		if err := l.sagas.GetWorkflow(ctx, id, "").Get(ctx, nil); err != nil {
			return a, err
		}
		d, err := l.sagas.DescribeWorkflowExecution(ctx, id, "")
		if err != nil {
			return a, err
		}
		a.n += d.GetWorkflowExecutionInfo().GetHistoryLength()
		a.bytes += d.GetWorkflowExecutionInfo().GetHistorySizeBytes()
	}
	return a, nil
}
