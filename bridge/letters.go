package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/segmentio/kafka-go"

	"github.com/codesaga/codesaga/execution"
)

// The headers of a message that is redriven, which only one group is to handle,
// and of the receipt that it writes to the dead letters when it has.
const (
	redriveGroup   = "codesaga-redrive-group"
	redriveLetter  = "codesaga-letter"
	redriveRound   = "codesaga-round"
	redriveReceipt = "codesaga-receipt" // handled
)

// redrive is what the headers of a message say of it.
type redrive struct {
	group, letter string
	round         int
}

// redriven reports whether m is a copy that was written for one group.
func redriven(m kafka.Message) (r redrive, ok bool) {
	h := headersOf(m)
	r = redrive{group: h[redriveGroup], letter: h[redriveLetter]}
	r.round, _ = strconv.Atoi(h[redriveRound])
	return r, r.group != ""
}

// others reports whether m is a copy that is not for group.
func others(m kafka.Message, group string) bool {
	r, ok := redriven(m)
	return ok && r.group != group
}

// headersOf has the last value of each header.
func headersOf(m kafka.Message) map[string]string {
	h := make(map[string]string, len(m.Headers))
	for _, one := range m.Headers {
		h[one.Key] = string(one.Value)
	}
	return h
}

func (r redrive) headers() []kafka.Header {
	return []kafka.Header{header(redriveLetter, r.letter), header(redriveRound, strconv.Itoa(r.round))}
}

// receipt tells that the group has handled m, which was written for it. It is
// written before m is committed, and waits for Kafka as bury does.
func (c *Consumer) receipt(ctx context.Context, m kafka.Message, r redrive) error {
	return c.deliver(ctx, m, kafka.Message{Topic: DeadTopic, Key: m.Key, Headers: append(r.headers(), header(redriveReceipt, "handled"))})
}

// Letters keeps what comes to the dead letters, and lets workflows redrive it.
type Letters struct {
	Prefix  string // of the names of topics
	Capture func(context.Context, execution.Letter) (execution.Letter, error)
	Settle  func(ctx context.Context, letter string, round int) error
	Wake    func(ctx context.Context, letter string) error // lets the workflow of a letter look at it
	Log     *slog.Logger
}

// Handle is the Handler of the dead letters. What died of it itself stays in
// the topic, or it would come again for ever.
func (l *Letters) Handle(ctx context.Context, m kafka.Message) error {
	h := headersOf(m)
	if h[redriveReceipt] != "" {
		round, err := strconv.Atoi(h[redriveRound])
		if err != nil || h[redriveLetter] == "" {
			l.Log.Error("a receipt that says nothing", "partition", m.Partition, "offset", m.Offset)
			return nil
		}
		if err := l.Settle(ctx, h[redriveLetter], round); err != nil {
			return err
		}
		return l.Wake(ctx, h[redriveLetter])
	}
	if h[deadGroup] == LettersGroup {
		l.Log.Error("a dead letter cannot be kept", "partition", m.Partition, "offset", m.Offset, "error", h[deadMessage])
		return nil
	}
	letter, err := l.Capture(ctx, l.letter(m, h))
	if err != nil {
		return err
	}
	l.Log.Warn("dead letter", "letter", letter.ID, "topic", letter.Origin.Topic, "partition", letter.Origin.Partition, "offset", letter.Origin.Offset,
		"group", letter.Origin.Group, "execution", letter.ExecutionID, "type", letter.EventType, "class", letter.Class, "status", letter.Status, "round", letter.Round)
	if letter.Status != execution.LetterScheduled {
		return nil
	}
	return l.Wake(ctx, letter.ID)
}

// letter is what m and its headers say. Something else that was written to the
// dead letters is a letter of nobody, and waits for a person.
func (l *Letters) letter(m kafka.Message, h map[string]string) execution.Letter {
	x := execution.Letter{
		ID: h[redriveLetter], EventID: text(h["ce_id"]), EventType: text(h[typeHeader]), Class: text(h[deadClass]), Error: text(h[deadMessage]),
		Key: m.Key, Value: m.Value,
	}
	x.Round, _ = strconv.Atoi(h[redriveRound])
	x.Attempts, _ = strconv.Atoi(h[deadAttempts])
	x.Omitted, _ = strconv.Atoi(h[deadOmitted])
	x.FirstFailure = instant(h[deadFirst], m.Time)
	x.Origin = execution.LetterOrigin{Topic: text(strings.TrimPrefix(h[deadTopic], l.Prefix)), Group: text(h[deadGroup]), At: instant(h[deadTime], m.Time)}
	var wrong, wrongToo error
	x.Origin.Partition, wrong = strconv.Atoi(h[deadPartition])
	x.Origin.Offset, wrongToo = strconv.ParseInt(h[deadOffset], 10, 64)
	if x.Origin.Topic == "" || x.Origin.Group == "" || wrong != nil || wrongToo != nil {
		x.Origin = execution.LetterOrigin{Topic: DeadTopic, Partition: m.Partition, Offset: m.Offset, At: instant("", m.Time)}
		x.ID, x.Round, x.Class, x.Error = "", 0, string(execution.Malformed), "it does not say where it comes from"
	}
	if x.ID == "" {
		x.ID = execution.LetterID(x.Origin)
	}
	if utf8.Valid(m.Key) && len(m.Key) <= 64 {
		x.ExecutionID = string(m.Key)
	}
	for _, one := range m.Headers {
		if !strings.HasPrefix(one.Key, "kafka_dlt-") && !strings.HasPrefix(one.Key, "codesaga-") {
			x.Headers = append(x.Headers, execution.LetterHeader{Key: text(one.Key), Value: text(string(one.Value))})
		}
	}
	return x
}

// text is s as the store can keep it.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// instant is the time that s says, or else the other.
func instant(s string, otherwise time.Time) time.Time {
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		at = otherwise
	}
	return at.UTC().Truncate(time.Millisecond)
}

// Redriver writes letters again to where they were.
type Redriver struct {
	Writer Writer
	Topics []Topic // of the platform: a letter of another is not written
}

// Redrive writes l for the group that could not handle it: the same key, so the
// same partition, the same value and headers. It is Invalid if that cannot be
// done, and will never be.
func (r *Redriver) Redrive(ctx context.Context, l execution.Letter) error {
	if !slices.ContainsFunc(r.Topics, func(t Topic) bool { return t.Name == l.Origin.Topic && slices.Contains(groups(t.Name), l.Origin.Group) }) {
		return execution.Errorf(execution.Invalid, "no consumer group %q reads a topic %q", l.Origin.Group, l.Origin.Topic)
	}
	if l.Omitted > 0 {
		return execution.Errorf(execution.Invalid, "its value of %d bytes was too large to be kept", l.Omitted)
	}
	m := kafka.Message{Topic: l.Origin.Topic, Key: l.Key, Value: l.Value}
	for _, h := range l.Headers {
		m.Headers = append(m.Headers, header(h.Key, h.Value))
	}
	m.Headers = append(m.Headers, header(redriveGroup, l.Origin.Group))
	m.Headers = append(m.Headers, redrive{letter: l.ID, round: l.Round}.headers()...)
	if err := r.Writer.WriteMessages(ctx, m); err != nil {
		return unavailable(err)
	}
	return nil
}

// View is what a value that was read from topic says, for people: in the words
// of its schema, and of scripts, input and output only how large they are. What
// cannot be read is Invalid.
func (c *Codecs) View(topic string, value []byte) (json.RawMessage, error) {
	var v any
	var err error
	switch {
	case topic == EventsTopic:
		v, err = c.Events.view(value)
	case topic == OutputTopic:
		v, err = c.Chunks.view(value)
	case topic == ResultsTopic:
		v, err = c.Results.view(value)
	case topic == NotificationsTopic:
		v, err = c.Notices.view(value)
	case topic == PlatformTopic:
		v, err = c.Platform.view(value)
	case topic == TasksTopic || strings.HasPrefix(topic, TasksTopic+"."):
		v, err = c.Tasks.view(value)
	default:
		return nil, execution.Errorf(execution.Invalid, "messages of %s have no schema", topic)
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(shown("", v))
}

// private are the fields of which View tells the size only.
var private = []string{"script", "stdin", "content", "data", "bytes", "value", "args", "stdout", "stderr", "compile_output"}

// shown is v with private fields as sizes, and with the branches of unions in
// place of the unions.
func shown(name string, v any) any {
	if slices.Contains(private, name) {
		switch v := v.(type) {
		case string:
			return fmt.Sprintf("(%d bytes)", len(v))
		case []byte:
			return fmt.Sprintf("(%d bytes)", len(v))
		case []any:
			return fmt.Sprintf("(%d)", len(v))
		}
	}
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 1 {
			for branch, of := range v {
				if branchOf(branch) {
					return shown(name, of)
				}
			}
		}
		all := make(map[string]any, len(v))
		for field, of := range v {
			all[field] = shown(field, of)
		}
		return all
	case []any:
		all := make([]any, len(v))
		for i, of := range v {
			all[i] = shown("", of)
		}
		return all
	case []byte:
		return fmt.Sprintf("(%d bytes)", len(v))
	}
	return v
}

// branchOf reports whether name is that of a type, which hamba/avro puts around
// the value of a union.
func branchOf(name string) bool {
	return strings.Contains(name, ".") || slices.Contains([]string{"string", "bytes", "int", "long", "float", "double", "boolean", "array", "map"}, name)
}
