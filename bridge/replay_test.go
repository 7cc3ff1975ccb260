package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"

	"github.com/codesaga/codesaga/execution"
)

// reel is a topic of replays.
type reel struct {
	partitions [][]kafka.Record
	breaks     int // the request that is written, and not answered; 0: none
	requests   int
	largest    int // records in a batch that are not too large; 0: any
}

func (b *reel) Produce(_ context.Context, r *kafka.ProduceRequest) (*kafka.ProduceResponse, error) {
	records := b.partitions[r.Partition]
	base := int64(len(records))
	for {
		one, err := r.Records.ReadRecord()
		if errors.Is(err, io.EOF) {
			break
		}
		key, _ := io.ReadAll(one.Key)
		value, _ := io.ReadAll(one.Value)
		records = append(records, kafka.Record{Offset: int64(len(records)), Time: one.Time, Headers: one.Headers, Key: kafka.NewBytes(key), Value: kafka.NewBytes(value)})
	}
	if n := len(records) - int(base); b.largest > 0 && n > b.largest || b.largest < 0 {
		return &kafka.ProduceResponse{Error: kafka.MessageSizeTooLarge}, nil
	}
	b.partitions[r.Partition] = records
	if b.requests++; b.requests == b.breaks {
		return nil, io.ErrUnexpectedEOF
	}
	return &kafka.ProduceResponse{BaseOffset: base}, nil
}

// Fetch gives seven at a time.
func (b *reel) Fetch(_ context.Context, r *kafka.FetchRequest) (*kafka.FetchResponse, error) {
	records := b.partitions[r.Partition]
	from := int(max(r.Offset, 0))
	return &kafka.FetchResponse{Records: kafka.NewRecordReader(records[min(from, len(records)):min(from+7, len(records))]...)}, nil
}

func (b *reel) ends() (ends []int64) {
	for _, p := range b.partitions {
		ends = append(ends, int64(len(p)))
	}
	return ends
}

// ids are those of the events on b, sorted.
func (b *reel) ids() (ids []string) {
	for _, p := range b.partitions {
		for _, r := range p {
			ids = append(ids, headerOf(r, idHeader))
		}
	}
	slices.Sort(ids)
	return ids
}

func headerOf(r kafka.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// sequenced are n events of five executions.
func sequenced(n int) (events []execution.Sequenced) {
	for i := range n {
		e := execution.NewEvent(execution.ID(fmt.Sprint("x", i%5)), "ann", execution.SourceKube, "pod_running", noon)
		e.ID += fmt.Sprintf("/%03d", i)
		events = append(events, execution.Sequenced{Recorded: execution.Recorded{Event: e, RecordedAt: noon.Add(time.Duration(i) * time.Second)}, Sequence: int64(i), SessionID: "r1"})
	}
	return events
}

func replaying(b *reel) (*Replays, execution.Replay) {
	p := &Replays{Cluster: Cluster{Prefix: "p-"}, Bus: &Publisher{Codecs: codecs(stocked(), "")}, brokers: b}
	return p, execution.Replay{
		ID: "r1", Skip: true, Target: execution.ReplayTarget{Kind: "kafka", Topic: "replay.a"},
		Place: execution.ReplayPlace{Offsets: make([]int64, len(b.partitions))},
	}
}

func TestReplayedMessagesAreTheOriginalsAndMarked(t *testing.T) {
	b := &reel{partitions: make([][]kafka.Record, 3)}
	p, r := replaying(b)
	r.Preserve = true
	events := sequenced(20)
	tried, failed, err := p.Write(t.Context(), r, events)
	if tried != 20 || failed != nil || err != nil || !slices.Equal(r.Place.Offsets, b.ends()) {
		t.Fatalf("%d %v %v, offsets %v of %v", tried, failed, err, r.Place.Offsets, b.ends())
	}
	seen := 0
	for _, records := range b.partitions {
		last := map[string]string{}
		for _, m := range records {
			value, _ := io.ReadAll(m.Value)
			key, _ := io.ReadAll(m.Key)
			e, err := p.Bus.Codecs.Events.Decode(value)
			i := 0
			_, scanErr := fmt.Sscan(headerOf(m, ReplaySequenceHeader), &i)
			if err != nil || scanErr != nil || e != events[i].Event || string(key) != string(e.ExecutionID) || !m.Time.Equal(events[i].RecordedAt) ||
				headerOf(m, ReplaySessionHeader) != "r1" || headerOf(m, idHeader) != e.ID || headerOf(m, typeHeader) != "pod_running" {
				t.Errorf("%+v %v %v", e, err, m.Headers)
			}
			if e.ID < last[string(key)] {
				t.Errorf("%s comes after %s", e.ID, last[string(key)])
			}
			last[string(key)] = e.ID
			seen++
		}
	}
	if seen != 20 {
		t.Errorf("%d messages", seen)
	}
}

// What was written before an answer got lost is found, behind others of the
// same topic, and only that.
func TestWhatWasWrittenIsFound(t *testing.T) {
	b := &reel{partitions: make([][]kafka.Record, 3)}
	p, r := replaying(b)
	other := r
	other.ID, other.Place.Offsets = "r2", make([]int64, 3)
	if _, _, err := p.Write(t.Context(), other, sequenced(40)); err != nil {
		t.Fatal(err)
	}
	ends := b.ends()
	copy(r.Place.Offsets, ends)
	r.Place.Offsets[1]-- // may be less
	start := slices.Clone(r.Place.Offsets)
	for _, breaks := range []int{1, 2, 3} {
		b.requests, b.breaks = 0, breaks
		copy(r.Place.Offsets, start)
		before := len(b.ids())
		_, _, err := p.Write(t.Context(), r, sequenced(30))
		if execution.KindOf(err) != execution.Unavailable {
			t.Fatalf("%d: %v", breaks, err)
		}
		copy(r.Place.Offsets, start)
		got, err := p.written(t.Context(), r, b.ends())
		if err != nil || len(got) != len(b.ids())-before || len(got) == 0 || len(got) == 30 && breaks < 3 {
			t.Errorf("%d: found %d, written %d, %v", breaks, len(got), len(b.ids())-before, err)
		}
		b.partitions[0] = b.partitions[0][:ends[0]] // for the next one
		b.partitions[1] = b.partitions[1][:ends[1]]
		b.partitions[2] = b.partitions[2][:ends[2]]
	}
	r.Place.Offsets = []int64{1000, 1000, 1000} // the topic was made anew
	b.breaks = 0
	if _, _, err := p.Write(t.Context(), r, sequenced(3)); err != nil {
		t.Fatal(err)
	}
	r.Place.Offsets = []int64{1000, 1000, 1000}
	if got, err := p.written(t.Context(), r, b.ends()); err != nil || len(got) != 3 {
		t.Errorf("%v %v", got, err)
	}
}

func TestEventThatIsTooLargeFailsAlone(t *testing.T) {
	large := sequenced(6)
	large[2].Outcome = &execution.Outcome{Message: strings.Repeat("x", 3<<20)}
	for _, skip := range []bool{true, false} {
		b := &reel{partitions: make([][]kafka.Record, 2)}
		p, r := replaying(b)
		r.Skip = skip
		tried, failed, err := p.Write(t.Context(), r, large)
		want := map[bool]int{true: 6, false: 3}[skip]
		if err != nil || tried != want || len(failed) != 1 || failed[0].EventID != large[2].ID || len(b.ids()) != want-1 {
			t.Errorf("skip %t: tried %d, failed %v, %v, %d written", skip, tried, failed, err, len(b.ids()))
		}
	}
	b := &reel{partitions: make([][]kafka.Record, 1), largest: 1} // the brokers allow less
	p, r := replaying(b)
	if tried, failed, err := p.Write(t.Context(), r, sequenced(5)); err != nil || tried != 5 || failed != nil || len(b.ids()) != 5 {
		t.Errorf("%d %v %v", tried, failed, err)
	}
	b.largest = -1
	if tried, failed, err := p.Write(t.Context(), r, sequenced(5)); err != nil || tried != 5 || len(failed) != 5 {
		t.Errorf("%d %v %v", tried, failed, err)
	}
}

// A copy that somebody brings onto a topic of the platform does nothing.
func TestReplayedMessagesArePassedOver(t *testing.T) {
	registry := prometheus.NewRegistry()
	mark := []kafka.Header{{Key: ReplaySessionHeader, Value: []byte("r1")}}
	handled := 0
	c := Consumer{
		Topic: EventsTopic, Group: "g", Metrics: NewMetrics(registry), Log: slog.New(slog.DiscardHandler),
		Handle: func(context.Context, kafka.Message) error { handled++; return nil },
	}
	for _, headers := range [][]kafka.Header{nil, mark, append([]kafka.Header{{Key: idHeader}}, mark...)} {
		if err := c.settle(t.Context(), kafka.Message{Key: []byte("x1"), Headers: headers}); err != nil {
			t.Error(err)
		}
	}
	skipped := figures(t, registry)["codesaga_bridge_messages_total g skipped execution_events"]
	if handled != 1 || skipped != 2 {
		t.Errorf("%d handled, %v skipped", handled, skipped)
	}

	codec := codecs(stocked(), "")
	value, err := codec.Events.Encode(anEvent)
	if err != nil {
		t.Fatal(err)
	}
	router := Router{Codecs: codec}
	updates, stop := router.Subscribe("x1")
	defer stop()
	router.hand(EventsTopic, kafka.Message{Key: []byte("x1"), Value: value, Headers: mark})
	if len(updates) > 0 {
		t.Error("a copy went to a stream")
	}
	if router.hand(EventsTopic, kafka.Message{Key: []byte("x1"), Value: value}); len(updates) != 1 {
		t.Error("the original did not")
	}
}
