package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// What keeps a pod from starting is shown until the script starts, and not
// after, in whatever order the events come.
func TestWhyAPodWaits(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	x := queued(t, s)
	waits := func(reason string, offset int64) {
		t.Helper()
		must(t, s.Project(ctx, recorded(execution.NewWaiting(x.ID, "u1", execution.SourceKube, reason, "", noon), offset)))
	}
	project := func(typ execution.EventType, offset int64) {
		t.Helper()
		must(t, s.Project(ctx, recorded(execution.NewEvent(x.ID, "u1", execution.SourceKube, typ, noon), offset)))
	}
	waits("unschedulable", 1)
	waits("image_pull", 2)
	project(execution.ExecutionScheduled, 3)
	if got := get(t, s, x.ID); got.Waiting == nil || got.Waiting.Reason != "image_pull" || got.Status != execution.Scheduled {
		t.Errorf("%+v of %s", got.Waiting, got.Status)
	}
	project(execution.PodRunning, 4)
	waits("late", 5)
	if got := get(t, s, x.ID); got.Waiting != nil {
		t.Errorf("it runs, and waits for %+v", got.Waiting)
	}
	y := queued(t, s)
	x = y
	waits("unschedulable", 6)
	_, err := s.End(ctx, execution.NewEnding(y.ID, "u1", "saga", execution.Outcome{Status: execution.Errored, Reason: "unschedulable"}, noon))
	must(t, err)
	if got := get(t, s, y.ID); got.Waiting != nil {
		t.Errorf("it has ended, and waits for %+v", got.Waiting)
	}
}

func TestPriorityIsChangedInTheQueueOnly(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	x := queued(t, s)
	must(t, s.SetPriority(ctx, x.ID, execution.High))
	must(t, s.Move(ctx, x.ID, execution.Scheduled, noon))
	if err := s.SetPriority(ctx, x.ID, execution.Low); execution.KindOf(err) != execution.Conflict {
		t.Error(err)
	}
	if got := get(t, s, x.ID); got.Priority != execution.High {
		t.Error(got.Priority)
	}
	if err := s.SetPriority(ctx, "nobody", execution.Low); execution.KindOf(err) != execution.NotFound {
		t.Error(err)
	}
}

func TestRetriesAndOtherRelatives(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	x := queued(t, s)
	var want []execution.ID
	for i := range 3 {
		y := x
		y.ID, y.ParentID, y.CreatedAt = execution.NewID(), x.ID, noon.Add(time.Duration(3-i)*time.Second)
		y.Pool, y.Priority, y.BatchID, y.BatchIndex, y.ScheduleID = "gpu", execution.Low, "b1", int32(i), fmt.Sprint("s", i)
		y.Expected = &execution.Expected{Stdout: "secret", Comparison: "exact"}
		must(t, s.Create(ctx, y))
		want = append([]execution.ID{y.ID}, want...)
	}
	if got, err := s.Retries(ctx, x.ID); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	if got, err := s.Retries(ctx, want[0]); err != nil || len(got) != 0 {
		t.Errorf("of a retry: %v, %v", got, err)
	}
	for _, tt := range []struct {
		f    execution.Filter
		want int
	}{
		{execution.Filter{ParentID: x.ID}, 3},
		{execution.Filter{BatchID: "b1"}, 3},
		{execution.Filter{BatchID: "b2"}, 0},
		{execution.Filter{ScheduleID: "s1"}, 1},
		{execution.Filter{Pool: "gpu"}, 3},
		{execution.Filter{Priority: execution.Normal}, 1},
		{execution.Filter{Pool: "gpu", Priority: execution.Low, UserID: "u1", ParentID: x.ID}, 3},
	} {
		page, _, err := s.List(ctx, tt.f)
		if err != nil || len(page) != tt.want {
			t.Errorf("%+v: %d, %v", tt.f, len(page), err)
		}
		for _, row := range page {
			if row.Input.Script != "" || row.Expected != nil && row.Expected.Stdout != "" || row.Program.Image == "" {
				t.Errorf("a row with too much, or too little: %+v", row)
			}
		}
	}
}

// An artifact is its own bytes, wherever the chunks are cut.
func TestArtifacts(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	x := queued(t, s)
	all := make([]byte, 100_000)
	for i := range all {
		all[i] = byte(i % 251)
	}
	var chunks []execution.Chunk
	for at := 0; at < len(all); at += 16 << 10 {
		chunks = append(chunks, execution.Chunk{ExecutionID: x.ID, Number: int64(len(chunks) + 1), Stream: execution.Artifacts, Position: int64(at), Bytes: all[at:min(at+16<<10, len(all))], At: noon})
	}
	chunks = append(chunks, execution.Chunk{ExecutionID: x.ID, Number: 8, Stream: execution.Stdout, Bytes: []byte("beside"), At: noon})
	must(t, s.Record(ctx, chunks...))
	for _, a := range [][2]int64{{0, 0}, {0, 1}, {0, 16 << 10}, {16 << 10, 1}, {16<<10 - 1, 2}, {5, 90_000}, {0, 100_000}, {99_999, 1}, {100_000, 0}} {
		var got bytes.Buffer
		err := s.Artifact(ctx, x.ID, execution.Artifact{Position: a[0], Bytes: a[1]}, &got)
		if err != nil || !bytes.Equal(got.Bytes(), all[a[0]:a[0]+a[1]]) {
			t.Errorf("%v: %d bytes, %v", a, got.Len(), err)
		}
	}
	for _, missing := range []execution.Artifact{{Position: 99_999, Bytes: 2}, {Position: 200_000, Bytes: 1}} {
		if err := s.Artifact(ctx, x.ID, missing, &bytes.Buffer{}); err == nil {
			t.Errorf("%+v is there", missing)
		}
	}
	full := errors.New("the disk is full")
	if err := s.Artifact(ctx, x.ID, execution.Artifact{Bytes: 100}, failing{full}); !errors.Is(err, full) {
		t.Error(err)
	}
	_, err := s.chunks.DeleteOne(ctx, map[string]any{"execution_id": x.ID, "number": 2})
	must(t, err)
	var got bytes.Buffer
	if err := s.Artifact(ctx, x.ID, execution.Artifact{Bytes: 50_000}, &got); err == nil || got.Len() != 16<<10 {
		t.Errorf("with a hole: %d bytes, %v", got.Len(), err)
	}
	updates, _, err := s.Since(ctx, x.ID, execution.Position{})
	if must(t, err); len(updates) != 1 || updates[0].Chunk.Bytes != nil || updates[0].At.Output != 1 {
		t.Errorf("a stream gets %+v", updates)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// The verdict of a judge is written with the ending.
func TestJudgesAreAskedAtTheEnd(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	s.Patience = 10 * time.Millisecond
	tests := []struct {
		name   string
		status execution.Status
		output execution.Output
		want   execution.Judge
	}{
		{"right", execution.Completed, execution.Output{Chunks: 3, StdoutBytes: 4}, execution.Judge{Passed: true}},
		{"right, and failed", execution.Failed, execution.Output{Chunks: 3, StdoutBytes: 4}, execution.Judge{Detail: "the run did not complete: failed"}},
		{"more than is kept", execution.Completed, execution.Output{Chunks: 3, StdoutBytes: 9, StdoutTruncated: true}, execution.Judge{Detail: "more was printed than is kept"}},
		{"less than was printed", execution.Completed, execution.Output{Chunks: 4, StdoutBytes: 9}, execution.Judge{Detail: "not all of the output came in time to be stored"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := queued(t, s)
			x.ID, x.Expected, x.BatchID, x.BatchIndex = execution.NewID(), &execution.Expected{Stdout: "1 2", Comparison: "tokens"}, "b1", 3
			must(t, s.Create(ctx, x))
			chunks := chunksOf(x.ID, "1 \n", "to stderr", "2")
			chunks = append(chunks, execution.Chunk{ExecutionID: x.ID, Number: 5, Stream: execution.Compile, Bytes: []byte("warning"), At: noon})
			must(t, s.Record(ctx, chunks...))
			e := execution.NewEnding(x.ID, "u1", "kube", execution.Outcome{Status: tt.status}, noon)
			e.Output = &tt.output
			r, err := s.End(ctx, e)
			must(t, err)
			if got := get(t, s, x.ID).Judge; got == nil || *got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
			if string(r.Compile) != "warning" || r.BatchID != "b1" || r.BatchIndex != 3 {
				t.Errorf("the result carries %+v", r)
			}
		})
	}
	x := queued(t, s)
	_, err := s.End(ctx, execution.NewEnding(x.ID, "u1", "kube", execution.Outcome{Status: execution.Completed}, noon))
	must(t, err)
	if got := get(t, s, x.ID).Judge; got != nil {
		t.Errorf("nothing was expected: %+v", got)
	}
}

// Who is told of an event finds the execution as it says.
func TestTheRowMovesBeforeItsEventIsTold(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	x := queued(t, s)
	e := execution.NewEvent(x.ID, "u1", execution.SourceKube, execution.PodRunning, noon)
	e.Request = &execution.Request{Language: strings.Repeat("x", 17<<20)} // too large to be kept
	if err := s.Project(ctx, recorded(e, 1)); err == nil {
		t.Fatal("kept")
	}
	if got := get(t, s, x.ID); got.Status != execution.Running {
		t.Error(got.Status)
	}
}

// recorded is e as the log has it at offset.
func recorded(e execution.Event, offset int64) execution.Recorded {
	return execution.Recorded{Event: e, Offset: offset, RecordedAt: e.At}
}
