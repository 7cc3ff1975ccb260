package bridge

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/codesaga/codesaga/execution"
)

// desk is the store of letters, and the workflows of each, in small: what is
// captured is redriven at once.
type desk struct {
	redriver *Redriver
	heard    chan string // what happened, in order

	mu  sync.Mutex
	all map[string]execution.Letter
}

func (d *desk) capture(_ context.Context, l execution.Letter) (execution.Letter, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if was, there := d.all[l.ID]; there && l.Round == 0 {
		return was, nil
	}
	d.heard <- fmt.Sprintf("died %s %d of %s", l.EventID, l.Round, l.Class)
	l.Status = execution.LetterScheduled
	d.all[l.ID] = l
	return l, nil
}

func (d *desk) settle(_ context.Context, id string, round int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.all[id]
	l.Status = execution.LetterRetried
	d.all[id] = l
	d.heard <- fmt.Sprintf("settled %s %d", l.EventID, round)
	return nil
}

func (d *desk) wake(ctx context.Context, id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.all[id]
	if l.Status != execution.LetterScheduled {
		return nil
	}
	l.Round++
	d.all[id] = l
	return d.redriver.Redrive(ctx, l)
}

// DL-01, DL-05: what a group could not handle is redriven for that group alone,
// with its key and ID, dies again as the same letter, and is settled when it took
// effect.
func TestADeadLetterIsRedrivenForItsGroup(t *testing.T) {
	t.Parallel()
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "p_"+EventsTopic, "p_"+DeadTopic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	c := Cluster{Brokers: fake.ListenAddrs(), Prefix: "p_"}
	w := c.Writer()
	defer w.Close()
	d := &desk{redriver: &Redriver{Writer: w, Topics: Topics()}, heard: make(chan string, 100), all: map[string]execution.Letter{}}
	letters := &Letters{Prefix: "p_", Capture: d.capture, Settle: d.settle, Wake: d.wake, Log: slog.New(slog.DiscardHandler)}

	var tries, elsewhere, after atomic.Int64
	var running sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	consume := func(group, topic string, handle Handler) {
		consumer := &Consumer{
			Reader: c.Reader(group, topic), Dead: w, Topic: topic, Group: group, Handle: handle, Pauses: []time.Duration{time.Millisecond}, Log: slog.New(slog.DiscardHandler),
		}
		running.Go(func() {
			if err := consumer.Run(ctx); err != nil {
				t.Errorf("%s: %v", group, err)
			}
		})
	}
	consume(ProjectorGroup, EventsTopic, func(_ context.Context, m kafka.Message) error {
		switch {
		case string(m.Value) != "poison":
			after.Add(1)
			return nil
		case tries.Add(1) > 3*2: // two deaths of two tries each, and then it is mended
			return nil
		}
		return execution.Errorf(execution.Conflict, "not yet")
	})
	consume(FactsGroup, EventsTopic, func(context.Context, kafka.Message) error { elsewhere.Add(1); return nil })
	consume(LettersGroup, DeadTopic, letters.Handle)
	write := func(value string) {
		t.Helper()
		m := kafka.Message{Topic: EventsTopic, Key: []byte("x"), Value: []byte(value), Headers: []kafka.Header{header(idHeader, "e1"), header("ce_extra", "kept")}}
		if err := w.WriteMessages(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	write("poison")
	write("good")
	for _, want := range []string{"died e1 0 of conflict", "died e1 1 of conflict", "died e1 2 of conflict", "settled e1 3"} {
		select {
		case got := <-d.heard:
			if got != want {
				t.Errorf("%s, want %s", got, want)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("never: %s", want)
		}
	}
	stop()
	running.Wait()
	if len(d.all) != 1 || after.Load() != 1 || elsewhere.Load() != 2 {
		t.Errorf("%d letters; after the poison %d messages were handled; another group handled %d, want 1, 1, 2", len(d.all), after.Load(), elsewhere.Load())
	}
	for _, l := range d.all {
		if l.Origin.Topic != EventsTopic || l.Origin.Group != ProjectorGroup || !slices.Contains(l.Headers, execution.LetterHeader{Key: "ce_extra", Value: "kept"}) || l.ExecutionID != "x" || string(l.Value) != "poison" {
			t.Errorf("%+v", l)
		}
	}
}

// What somebody else writes to the dead letters is kept, and goes nowhere.
func TestLettersOfNobody(t *testing.T) {
	d := &desk{heard: make(chan string, 100), all: map[string]execution.Letter{}}
	w := &broker{}
	d.redriver = &Redriver{Writer: w, Topics: Topics("gpu")}
	l := &Letters{Capture: func(ctx context.Context, l execution.Letter) (execution.Letter, error) {
		l, err := d.capture(ctx, l)
		l.Status = execution.LetterParked
		return l, err
	}, Settle: d.settle, Wake: d.wake, Log: slog.New(slog.DiscardHandler)}
	for _, m := range []kafka.Message{
		{Topic: DeadTopic, Partition: 1, Offset: 7, Value: []byte{0xff}},
		{Topic: DeadTopic, Partition: 1, Offset: 8, Headers: []kafka.Header{header(deadTopic, "x"), header(deadGroup, "y"), header(deadPartition, "z")}},
		{Topic: DeadTopic, Partition: 1, Offset: 9, Headers: []kafka.Header{header(redriveReceipt, "handled")}},
		{Topic: DeadTopic, Partition: 1, Offset: 10, Headers: []kafka.Header{header(deadTopic, DeadTopic), header(deadGroup, LettersGroup), header(deadPartition, "1"), header(deadOffset, "7")}},
	} {
		if err := l.Handle(t.Context(), m); err != nil {
			t.Errorf("%d: %v", m.Offset, err)
		}
	}
	if len(d.all) != 2 {
		t.Errorf("%+v", d.all)
	}
	for _, letter := range d.all {
		if letter.Origin.Topic != DeadTopic || letter.Class != string(execution.Malformed) {
			t.Errorf("%+v", letter)
		}
	}
	for _, origin := range []execution.LetterOrigin{{Topic: DeadTopic}, {Topic: "elsewhere", Group: ProjectorGroup}, {Topic: EventsTopic, Group: "nobody"}, {Topic: TasksOf("gpu"), Group: ProjectorGroup}} {
		if err := d.redriver.Redrive(t.Context(), execution.Letter{Origin: origin}); execution.KindOf(err) != execution.Invalid {
			t.Errorf("%+v: %v", origin, err)
		}
	}
	if err := d.redriver.Redrive(t.Context(), execution.Letter{Origin: execution.LetterOrigin{Topic: EventsTopic, Group: ProjectorGroup}, Omitted: 3}); execution.KindOf(err) != execution.Invalid {
		t.Errorf("without its value: %v", err)
	}
	if len(w.dead) != 0 {
		t.Errorf("written: %+v", w.dead)
	}
}

// Operators see what a letter says, and not what users wrote.
func TestViewHidesWhatUsersWrote(t *testing.T) {
	codecs := codecs(stocked(), "")
	not := time.Now().UTC().Truncate(time.Millisecond)
	task, err := codecs.Tasks.Encode(execution.Task{
		Action: execution.Create, ExecutionID: "x1", UserID: "ann", NotAfter: &not, Program: &execution.Program{Image: "python"}, Limits: &execution.Limits{TimeoutSeconds: 7},
		Input: &execution.Input{Script: "SECRET", Stdin: "SECRET", Args: []string{"SECRET"}, Env: []execution.Pair{{Name: "NAME", Value: "SECRET"}}, Files: []execution.File{{Path: "d/x", Content: []byte("SECRET")}}},
		Feed:  &execution.Feed{ID: "f", Data: []byte("SECRET")},
	})
	if err != nil {
		t.Fatal(err)
	}
	chunk, err := codecs.Chunks.Encode(execution.Chunk{ExecutionID: "x1", Number: 3, Stream: execution.Stdout, Bytes: []byte("SECRET")})
	if err != nil {
		t.Fatal(err)
	}
	event, err := codecs.Events.Encode(execution.NewEvent("x1", "ann", "kube", execution.PodRunning, noon))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		topic string
		value []byte
		says  []string
	}{
		{TasksOf("gpu"), task, []string{`"execution_id":"x1"`, `"image":"python"`, `"script":"(6 bytes)"`, `"name":"NAME"`, `"value":"(6 bytes)"`, `"path":"d/x"`, `"timeout_seconds":7`}},
		{OutputTopic, chunk, []string{`"number":3`, `"bytes":"(6 bytes)"`}},
		{EventsTopic, event, []string{`"type":"pod_running"`, `"occurred_at":"2026-11-21T12:00:00Z"`}},
	} {
		view, err := codecs.View(tt.topic, tt.value)
		if err != nil {
			t.Errorf("%s: %v", tt.topic, err)
		}
		for _, part := range tt.says {
			if !strings.Contains(string(view), part) {
				t.Errorf("%s: no %s in %s", tt.topic, part, view)
			}
		}
		if strings.Contains(string(view), "SECRET") || strings.Contains(string(view), "U0VDUkVU") {
			t.Errorf("%s: %s", tt.topic, view)
		}
		if _, err := codecs.View(tt.topic, tt.value[:7]); execution.KindOf(err) != execution.Invalid {
			t.Errorf("%s: half of it: %v", tt.topic, err)
		}
	}
	if _, err := codecs.View(DeadTopic, event); execution.KindOf(err) != execution.Invalid {
		t.Errorf("%v", err)
	}
}

// DL-08: an alarm is raised where it is to be, told once however many watch, and
// ends a little below; what nobody redrives is woken.
func TestLetterWatch(t *testing.T) {
	kept, told := execution.AlarmOK, []string(nil)
	var f execution.LetterFigures
	var woken []string
	w := &LetterWatch{
		Figures: func(context.Context) (execution.LetterFigures, error) { return f, nil },
		Alarm:   func(context.Context, string) (execution.AlarmLevel, error) { return kept, nil },
		Raise: func(_ context.Context, _ string, from, to execution.AlarmLevel) (changed bool, err error) {
			if changed = kept == from; changed {
				kept = to
			}
			return changed, nil
		},
		Due:  func(context.Context, time.Time) ([]string, error) { return []string{"l1"}, nil },
		Wake: func(_ context.Context, id string) error { woken = append(woken, id); return nil },
		Notify: func(_ context.Context, level, was execution.AlarmLevel, _ execution.LetterFigures) {
			told = append(told, string(was+" → "+level))
		},
		Warning: 100, Critical: 1000, Age: time.Hour, Log: slog.New(slog.DiscardHandler),
	}
	looks := 0
	for i, step := range []struct {
		waiting int64
		age     time.Duration
		want    execution.AlarmLevel
	}{
		{0, 0, "ok"}, {99, time.Minute, "ok"}, {100, time.Minute, "warning"}, {91, time.Minute, "warning"}, {90, time.Minute, "warning"}, {89, time.Minute, "ok"},
		{1, 61 * time.Minute, "warning"}, {1000, time.Minute, "critical"}, {901, time.Minute, "critical"}, {899, time.Minute, "warning"}, {0, 0, "ok"},
	} {
		f = execution.LetterFigures{Waiting: step.waiting, Oldest: noon.Add(-step.age)}
		for range 2 { // by one that goes on, and one that has just started
			looks++
			if err := w.look(t.Context(), noon); err != nil || kept != step.want {
				t.Errorf("%d: %d waiting for %s: %s, want %s (%v)", i, step.waiting, step.age, kept, step.want, err)
			}
		}
	}
	if want := []string{"ok → warning", "warning → ok", "ok → warning", "warning → critical", "critical → warning", "warning → ok"}; !slices.Equal(told, want) {
		t.Errorf("%q", told)
	}
	if len(woken) != looks {
		t.Errorf("woken: %q", woken)
	}
	kept = "critical" // another was faster
	if err := w.raise(t.Context(), "ok", "warning", f); err != nil || kept != "critical" || len(told) != 6 {
		t.Errorf("%s, told %q, %v", kept, told, err)
	}
}
