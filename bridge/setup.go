package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/codesaga/codesaga/execution"
)

// Topic is how a topic is to be.
type Topic struct {
	Name            string
	Partitions      int
	Retention       time.Duration
	MaxMessageBytes int    // 0: 2 MiB, which is what a Writer may send
	Compression     string // of the topic: empty for what the producer sent
}

const day = 24 * time.Hour

// Topics is the layout of the design, with a topic of tasks for each pool
// beside default.
func Topics(pools ...string) []Topic {
	topics := []Topic{
		{Name: EventsTopic, Partitions: 12, Retention: 90 * day},
		{Name: TasksTopic, Partitions: 6, Retention: 3 * day},
		{Name: OutputTopic, Partitions: 12, Retention: day},
		{Name: ResultsTopic, Partitions: 12, Retention: 30 * day},
		{Name: DeadTopic, Partitions: 3, Retention: 14 * day},
		{Name: NotificationsTopic, Partitions: 6, Retention: 7 * day},
		{Name: PlatformTopic, Partitions: 6, Retention: 30 * day},
	}
	for _, pool := range pools {
		if name := TasksOf(pool); name != TasksTopic {
			topics = append(topics, Topic{Name: name, Partitions: 6, Retention: 3 * day})
		}
	}
	return topics
}

// Layout is what Setup makes true.
type Layout struct {
	Topics      []Topic // see the function Topics
	Replication int     // of topics that are created; 0: the brokers' default
	DryRun      bool    // change nothing, and say what it would have changed
}

// setting is an entry in the configuration of a topic.
type setting struct{ name, value string }

// settings are those of t that are ours to say, in the order they are told.
func (t Topic) settings() []setting {
	return []setting{
		{"cleanup.policy", "delete"},
		{"compression.type", cmp.Or(t.Compression, "producer")},
		{"max.message.bytes", strconv.Itoa(cmp.Or(t.MaxMessageBytes, maxMessage))},
		{"retention.ms", strconv.FormatInt(t.Retention.Milliseconds(), 10)},
	}
}

// Setup makes the topics and the subjects of the registry as layout says, and
// returns what it changed, one sentence each. Partitions are added and never
// taken away; after that, what concerns one execution may be in two partitions
// until those that are under way have ended. Done again, it changes nothing.
func (c Cluster) Setup(ctx context.Context, layout Layout) (changes []string, err error) {
	client, done := c.client()
	defer done()
	s := setup{Client: client, layout: layout, prefix: c.Prefix}
	if err := s.topics(ctx); err != nil {
		return s.changes, unavailable(err)
	}
	err = s.subjects(c.registry())
	return s.changes, err
}

// setup is one run of Setup.
type setup struct {
	*kafka.Client
	layout  Layout
	prefix  string
	changes []string
}

// say notes a change.
func (s *setup) say(format string, args ...any) {
	s.changes = append(s.changes, fmt.Sprintf(format, args...))
}

func (s *setup) topics(ctx context.Context) error {
	names := make([]string, len(s.layout.Topics))
	for i, t := range s.layout.Topics {
		names[i] = s.prefix + t.Name
	}
	found, err := s.Metadata(ctx, &kafka.MetadataRequest{Topics: names})
	if err != nil {
		return err
	}
	partitions := make(map[string]int)
	for _, t := range found.Topics {
		if t.Error != nil && !errors.Is(t.Error, kafka.UnknownTopicOrPartition) {
			return fmt.Errorf("%s: %w", t.Name, t.Error)
		}
		partitions[t.Name] = len(t.Partitions)
	}
	for i, t := range s.layout.Topics {
		t.Name = names[i]
		if partitions[t.Name] == 0 {
			err = s.create(ctx, t)
		} else {
			err = errors.Join(s.grow(ctx, t, partitions[t.Name]), s.configure(ctx, t))
		}
		if err != nil {
			return fmt.Errorf("topic %s: %w", t.Name, err)
		}
	}
	return nil
}

func (s *setup) create(ctx context.Context, t Topic) error {
	s.say("created topic %s (%d partitions, kept %s)", t.Name, t.Partitions, days(t.Retention))
	if s.layout.DryRun {
		return nil
	}
	config := kafka.TopicConfig{Topic: t.Name, NumPartitions: t.Partitions, ReplicationFactor: cmp.Or(s.layout.Replication, -1)}
	for _, e := range t.settings() {
		config.ConfigEntries = append(config.ConfigEntries, kafka.ConfigEntry{ConfigName: e.name, ConfigValue: e.value})
	}
	said, err := s.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{config}})
	if err != nil {
		return err
	}
	if err := said.Errors[t.Name]; !errors.Is(err, kafka.TopicAlreadyExists) { // somebody else sets up
		return err
	}
	return nil
}

func days(d time.Duration) string {
	switch {
	case d%day != 0:
		return d.String()
	case d == day:
		return "1 day"
	default:
		return strconv.Itoa(int(d/day)) + " days"
	}
}

func (s *setup) grow(ctx context.Context, t Topic, have int) error {
	if have >= t.Partitions {
		return nil
	}
	s.say("added partitions to topic %s (%d, were %d)", t.Name, t.Partitions, have)
	if s.layout.DryRun {
		return nil
	}
	said, err := s.CreatePartitions(ctx, &kafka.CreatePartitionsRequest{
		Topics: []kafka.TopicPartitionsConfig{{Name: t.Name, Count: int32(t.Partitions)}},
	})
	if err != nil {
		return err
	}
	return said.Errors[t.Name]
}

// configure alters what differs.
func (s *setup) configure(ctx context.Context, t Topic) error {
	ask := kafka.DescribeConfigRequestResource{ResourceType: kafka.ResourceTypeTopic, ResourceName: t.Name}
	for _, e := range t.settings() {
		ask.ConfigNames = append(ask.ConfigNames, e.name)
	}
	said, err := s.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{ask}})
	if err != nil {
		return err
	}
	have := make(map[string]string)
	for _, r := range said.Resources {
		if r.Error != nil {
			return r.Error
		}
		for _, e := range r.ConfigEntries {
			have[e.ConfigName] = e.ConfigValue
		}
	}
	want := kafka.IncrementalAlterConfigsRequestResource{ResourceType: kafka.ResourceTypeTopic, ResourceName: t.Name}
	for _, e := range t.settings() {
		if have[e.name] != e.value {
			s.say("set %s of topic %s to %s (was %s)", e.name, t.Name, e.value, have[e.name])
			want.Configs = append(want.Configs, kafka.IncrementalAlterConfigsRequestConfig{Name: e.name, Value: e.value, ConfigOperation: kafka.ConfigOperationSet})
		}
	}
	if len(want.Configs) == 0 || s.layout.DryRun {
		return nil
	}
	altered, err := s.IncrementalAlterConfigs(ctx, &kafka.IncrementalAlterConfigsRequest{Resources: []kafka.IncrementalAlterConfigsRequestResource{want}})
	if err != nil {
		return err
	}
	for _, r := range altered.Resources {
		err = errors.Join(err, r.Error)
	}
	return err
}

// contracted are the topics that have a schema. Dead letters carry the bytes of
// others.
var contracted = []string{EventsTopic, TasksTopic, OutputTopic, ResultsTopic, NotificationsTopic, PlatformTopic}

func (s *setup) subjects(r subjects) error {
	for _, topic := range contracted {
		if err := s.subject(r, subject(s.prefix, topic), schemaOf(topic)); err != nil {
			return execution.Errorf(execution.KindOf(err), "subject %s: %w", subject(s.prefix, topic), err)
		}
	}
	return nil
}
