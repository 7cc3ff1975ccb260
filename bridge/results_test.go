package bridge

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/segmentio/kafka-go"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/tracing"
)

// topics notes what is written, and breaks at one of them.
type topics struct {
	mu      sync.Mutex
	written []kafka.Message
	calls   int
	breaks  string
}

func (w *topics) WriteMessages(_ context.Context, ms ...kafka.Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	for _, m := range ms {
		if m.Topic == w.breaks {
			return errors.New("broken on purpose")
		}
		w.written = append(w.written, m)
	}
	return nil
}

func (*topics) Close() error { return nil }

// all is what was written until now.
func (w *topics) all() []kafka.Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.written)
}

// row is a store of one execution: the first ending stays.
type row struct {
	ended *execution.Result
	err   error
	until time.Time // after which err is over; zero: never
}

func (r *row) End(_ context.Context, e execution.Event) (execution.Result, error) {
	if r.err != nil && (r.until.IsZero() || time.Now().Before(r.until)) {
		return execution.Result{}, r.err
	}
	if r.ended == nil {
		r.ended = &execution.Result{ExecutionID: e.ExecutionID, StoredAt: noon, Outcome: *e.Outcome, Usage: e.Usage, Stdout: []byte("1\n")}
	}
	return *r.ended, nil
}

var quiet = slog.New(slog.DiscardHandler)

// The story of a result: the saga bridge, which reads one topic, hears of it
// once the other one has it, and a second ending changes nothing.
func TestResultIsStoredThenTold(t *testing.T) {
	ctx, w := t.Context(), new(topics)
	bus := &Publisher{Writer: w, Codecs: codecs(stocked(), "")}
	process := Results{Store: new(row), Bus: bus, Log: quiet}
	completed := execution.NewEnding("x1", "u1", "kube", execution.Outcome{Status: execution.Completed}, noon)
	completed.Usage = &execution.Usage{CPUSeconds: 0.5}
	cancelled := execution.NewEnding("x1", "u1", "saga", execution.Outcome{Status: execution.Cancelled}, noon)
	if err := process.Do(ctx, execution.NewEvent("x1", "u1", "kube", execution.PodRunning, noon)); err != nil || len(w.written) != 0 {
		t.Fatalf("what is no ending was stored: %v, %v", w.written, err)
	}

	w.breaks = ResultsTopic
	if err := process.Do(ctx, completed); execution.KindOf(err) != execution.Unavailable || len(w.written) != 0 {
		t.Fatalf("told before the payload was out: %v, %v", w.written, err)
	}
	w.breaks = ""
	for _, e := range []execution.Event{completed, cancelled} {
		w.written = nil
		if err := process.Do(ctx, e); err != nil {
			t.Fatal(err)
		}
		if len(w.written) != 2 || w.written[0].Topic != ResultsTopic || w.written[1].Topic != EventsTopic {
			t.Fatalf("%s: written %v", e.Type, w.written)
		}
		r, err := bus.Codecs.Results.Decode(w.written[0].Value)
		if err != nil || r.Outcome.Status != execution.Completed || string(r.Stdout) != "1\n" || !cmp.Equal(r.Usage, completed.Usage) {
			t.Errorf("%s: payload %+v, %v", e.Type, r, err)
		}
		var told []execution.Report
		tell := func(_ context.Context, _ execution.ID, r execution.Report) error {
			told = append(told, r)
			return nil
		}
		if err := On(bus.Codecs.Events, Facts(tell))(ctx, w.written[1]); err != nil || !slices.Equal(told, []execution.Report{{Fact: execution.Stored}}) {
			t.Errorf("%s: the saga was told %+v, %v", e.Type, told, err)
		}
	}
}

// NO-01: the owner is told of an ending in the call that tells of the result, if
// the settings say so.
func TestEndingsAreToldToTheirOwners(t *testing.T) {
	w := new(topics)
	bus := &Publisher{Writer: w, Codecs: codecs(stocked(), "")}
	store := &row{ended: &execution.Result{ExecutionID: "x1", UserID: "ann", Language: "python", StoredAt: noon, Outcome: outcome}}
	process := Results{Store: store, Bus: bus, Notify: []execution.Status{execution.Failed}, Log: quiet}
	for range 2 { // an ending that comes again tells the same
		w.written, w.calls = nil, 0
		if err := process.Do(t.Context(), execution.NewEnding("x1", "ann", "kube", outcome, noon)); err != nil || len(w.written) != 3 || w.calls != 2 {
			t.Fatalf("%v, %d messages in %d calls", err, len(w.written), w.calls)
		}
		m := w.written[2]
		want, _ := store.ended.Notice()
		got, err := bus.Codecs.Notices.Decode(m.Value)
		if diff := cmp.Diff(want, got); m.Topic != NotificationsTopic || string(m.Key) != "ann" || err != nil || diff != "" {
			t.Errorf("to %s of %s: %v %s", m.Topic, m.Key, err, diff)
		}
		if h := headersOf(m); h[idHeader] != want.ID || h[typeHeader] != "notification_created" || h["ce_subject"] != "ann" {
			t.Errorf("%v", h)
		}
	}
	w.written, process.Notify = nil, []execution.Status{execution.Completed}
	if err := process.Do(t.Context(), execution.NewEnding("x1", "ann", "kube", outcome, noon)); err != nil || len(w.written) != 2 {
		t.Errorf("not asked for: %v, %v", err, w.written)
	}
	w.breaks, process.Notify = NotificationsTopic, []execution.Status{execution.Failed}
	if err := process.Do(t.Context(), execution.NewEnding("x1", "ann", "kube", outcome, noon)); execution.KindOf(err) != execution.Unavailable {
		t.Errorf("a notice that is not written: %v", err)
	}
}

// The store is away for an hour: users hear of it once, and then the result.
func TestResultIsStoredHoweverLongItTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, store := new(topics), &row{err: execution.Errorf(execution.Unavailable, "away")}
		store.until = time.Now().Add(time.Hour + time.Minute)
		bus := &Publisher{Writer: w, Codecs: codecs(stocked(), "")}
		done := make(chan error)
		go func() {
			process := Results{Store: store, Bus: bus, Log: quiet}
			done <- process.Do(t.Context(), execution.NewEnding("x1", "u1", "kube", outcome, noon))
		}()
		time.Sleep(50 * time.Second)
		synctest.Wait()
		early := len(w.all())
		time.Sleep(time.Hour)
		synctest.Wait()
		told := w.all()
		if early != 0 || len(told) != 1 {
			t.Fatalf("told %d times in a minute, %d in an hour", early, len(told))
		}
		if e, err := bus.Codecs.Events.Decode(told[0].Value); err != nil || e.ID != "x1/results/result_failed" || e.Saga == nil || e.Outcome != nil {
			t.Errorf("told %+v, %v", e, err)
		}
		if err := <-done; err != nil || len(w.written) != 3 {
			t.Errorf("in the end: %v, %v", w.written, err)
		}
	})
}

func TestEndingOfNothingIsDropped(t *testing.T) {
	tests := []struct{ store, want execution.Kind }{
		{execution.NotFound, ""},
		{execution.Invalid, execution.Invalid}, // the consumer's to bury
		{execution.Internal, execution.Internal},
	}
	for _, tt := range tests {
		w := new(topics)
		process := Results{Store: &row{err: execution.Errorf(tt.store, "no")}, Bus: &Publisher{Writer: w, Codecs: codecs(stocked(), "")}, Log: quiet}
		err := process.Do(t.Context(), execution.NewEnding("x1", "u1", "kube", outcome, noon))
		if execution.KindOf(err) != tt.want || len(w.written) != 0 {
			t.Errorf("%s: %v, written %v", tt.store, err, w.written)
		}
	}
}

func TestSagaThatIsOverNeedsNoFacts(t *testing.T) {
	over := func(context.Context, execution.ID, execution.Report) error {
		return execution.Errorf(execution.NotFound, "no saga under way")
	}
	if err := Facts(over)(t.Context(), execution.NewEvent("x1", "u1", "kube", execution.PodDeleted, noon)); err != nil {
		t.Error(err)
	}
}

// All that is told goes out in one call, keyed by execution, in an envelope.
func TestPublisherSendsBatches(t *testing.T) {
	w := new(topics)
	p := &Publisher{
		Writer: w, Codecs: codecs(stocked(), ""), Version: "v1", Environment: "test",
	}
	const span = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	ctx := traced(t.Context(), kafka.Message{Headers: []kafka.Header{header(tracing.Header, span)}})
	if err := p.Publish(ctx); err != nil || w.calls != 0 {
		t.Errorf("nothing: %v, %d calls", err, w.calls)
	}
	for _, err := range []error{p.Publish(ctx, anEvent, anEvent), p.Output(ctx, aChunk, aChunk), p.Send(ctx, aTask), p.Send(ctx, execution.Task{Action: execution.Delete, ExecutionID: "x1", Pool: "default"})} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var to []string
	for _, m := range w.written {
		to = append(to, m.Topic)
		if string(m.Key) != "x1" {
			t.Errorf("%s: key %q", m.Topic, m.Key)
		}
	}
	if want := []string{EventsTopic, EventsTopic, OutputTopic, OutputTopic, TasksTopic + ".gpu", TasksTopic}; !slices.Equal(to, want) || w.calls != 4 {
		t.Errorf("to %v in %d calls", to, w.calls)
	}
	got := make(map[string]string)
	for _, h := range w.written[0].Headers {
		got[h.Key] = string(h.Value)
	}
	want := map[string]string{
		"ce_specversion": "1.0", "ce_id": anEvent.ID, "ce_type": "execution_failed", "ce_source": "codesaga/kube", "ce_subject": "x1",
		"ce_time": "2026-11-21T12:00:00Z", "ce_correlationid": "c1", "ce_sourceversion": "v1", "ce_environment": "test",
		"content-type": "application/avro", "traceparent": span,
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	for err, want := range map[error]execution.Kind{
		context.DeadlineExceeded:             execution.Unavailable,
		kafka.MessageSizeTooLarge:            execution.TooLarge,
		kafka.LeaderNotAvailable:             execution.Unavailable,
		errors.New("connection refused"):     execution.Unavailable,
		errors.Join(kafka.NotEnoughReplicas): execution.Unavailable,
	} {
		if got := execution.KindOf(unavailable(err)); got != want {
			t.Errorf("%v: %s", err, got)
		}
	}
	if got := execution.KindOf(unavailable(kafka.WriteErrors{nil, kafka.MessageSizeTooLarge})); got != execution.TooLarge {
		t.Errorf("one that is too large: %s", got)
	}
	if got := execution.KindOf(unavailable(kafka.WriteErrors{kafka.LeaderNotAvailable, kafka.MessageSizeTooLarge})); got != execution.Unavailable {
		t.Errorf("several: %s", got)
	}
}
