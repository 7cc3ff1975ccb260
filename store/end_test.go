package store

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codesaga/codesaga/execution"
)

// chunksOf cuts text into chunks of id in turn on stdout and stderr.
func chunksOf(id execution.ID, pieces ...string) (chunks []execution.Chunk) {
	position := map[execution.Stream]int64{}
	for i, piece := range pieces {
		stream := []execution.Stream{execution.Stdout, execution.Stderr}[i%2]
		chunks = append(chunks, execution.Chunk{
			ExecutionID: id, Number: int64(i + 1), Stream: stream, Position: position[stream], Bytes: []byte(piece), At: noon.Add(time.Duration(i) * time.Second),
		})
		position[stream] += int64(len(piece))
	}
	return chunks
}

// A hundred who race to end an execution in different ways leave one ending,
// and all hear of that one.
func TestOneEndingOfAHundred(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	x := queued(t, s)
	statuses := []execution.Status{execution.Completed, execution.Failed, execution.TimedOut, execution.Cancelled, execution.Errored}
	results := make([]execution.Result, 100)
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() {
			e := execution.NewEnding(x.ID, "u1", "kube", execution.Outcome{Status: statuses[i%len(statuses)], Message: fmt.Sprint(i)}, noon)
			var err error
			if results[i], err = s.End(ctx, e); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	got := get(t, s, x.ID)
	for i, r := range results {
		if diff := cmp.Diff(results[0], r); diff != "" {
			t.Fatalf("%d heard something else: %s", i, diff)
		}
	}
	if got.Status != results[0].Outcome.Status || got.Outcome.Message != results[0].Outcome.Message || got.StoredAt.IsZero() || !got.FinishedAt.Equal(noon) {
		t.Errorf("stored %+v, told %+v", got, results[0])
	}
	must(t, s.Move(ctx, x.ID, execution.Running, noon))
	if again := get(t, s, x.ID); again.Status != got.Status || again.StartedAt == nil {
		t.Errorf("moved on after the end: %+v", again)
	}
}

func TestEndOfNothing(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	if _, err := s.End(ctx, execution.NewEnding("nobody", "u", "kube", execution.Outcome{Status: execution.Failed}, noon)); execution.KindOf(err) != execution.NotFound {
		t.Error(err)
	}
	x := queued(t, s)
	if _, err := s.End(ctx, execution.NewEvent(x.ID, "u", "kube", execution.PodRunning, noon)); execution.KindOf(err) != execution.Invalid {
		t.Error(err)
	}
	if _, err := s.Result(ctx, x); execution.KindOf(err) != execution.Conflict {
		t.Error(err)
	}
}

// An ending waits for the recorder: the first chunk comes late, the others came
// before and twice.
func TestEndWaitsForTheOutput(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	x := queued(t, s)
	chunks := chunksOf(x.ID, "out\n", "err\n", "é", "\xff")
	must(t, s.Record(ctx, chunks[1:]...))
	must(t, s.Record(ctx, chunks[2:]...))
	time.AfterFunc(300*time.Millisecond, func() {
		if get(t, s, x.ID).Status.Terminal() {
			t.Error("ended without its output")
		}
		must(t, s.Record(ctx, chunks...))
	})
	e := execution.NewEnding(x.ID, "u1", "kube", execution.Outcome{Status: execution.Completed, ExitCode: new(int32(0))}, noon)
	e.Usage = &execution.Usage{StartedAt: new(noon.Add(-time.Second)), FinishedAt: new(noon.Add(-time.Millisecond)), WallSeconds: 0.999, ExitCode: new(int32(0))}
	e.Output = &execution.Output{Chunks: 4, StdoutBytes: 6, StderrBytes: 5}
	r, err := s.End(ctx, e)
	must(t, err)
	want := execution.Result{
		ExecutionID: x.ID, UserID: "u1", StoredAt: r.StoredAt, Language: x.Language, Outcome: *e.Outcome, Usage: e.Usage, Output: e.Output,
		Stdout: []byte("out\né"), Stderr: []byte("err\n\xff"), OutputURL: "/api/v1/executions/" + string(x.ID) + "/output?stream=",
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
	if got := get(t, s, x.ID); !got.FinishedAt.Equal(*e.Usage.FinishedAt) || !got.StartedAt.Equal(*e.Usage.StartedAt) {
		t.Errorf("started %v, finished %v", got.StartedAt, got.FinishedAt)
	}
}

func TestEndDoesNotWaitForEver(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	s.Patience = 50 * time.Millisecond
	x, y := queued(t, s), queued(t, s)
	must(t, s.Record(ctx, chunksOf(x.ID, "a", "b", "c")[2])) // the last one alone
	e := execution.NewEnding(x.ID, "u1", "kube", execution.Outcome{Status: execution.Failed}, noon)
	e.Output = &execution.Output{Chunks: 3, StdoutBytes: 2, StderrBytes: 1}
	if r, err := s.End(ctx, e); err != nil || !r.Output.Incomplete || r.Output.Chunks != 3 || string(r.Stdout) != "c" {
		t.Errorf("%+v, %v", r, err)
	}
	must(t, s.Record(ctx, chunksOf(x.ID, "a", "b", "c")...)) // the rest comes, and the result is told again: the same
	if r, err := s.End(ctx, e); err != nil || string(r.Stdout) != "c" || len(r.Stderr) > 0 {
		t.Errorf("told again: %+v, %v", r, err)
	}

	must(t, s.Record(ctx, chunksOf(y.ID, "abc", "d")...)) // a pod is lost: nobody knows what it printed
	lost := execution.NewEnding(y.ID, "u1", "saga", execution.Outcome{Status: execution.Errored, Reason: "node_lost"}, noon)
	r, err := s.End(ctx, lost)
	if want := (execution.Output{Chunks: 2, StdoutBytes: 3, StderrBytes: 1, Incomplete: true}); err != nil || r.Output == nil || !cmp.Equal(*r.Output, want) || string(r.Stdout) != "abc" {
		t.Errorf("%+v, %v", r, err)
	}
}

// A result carries the beginning of each stream, without half a character; the
// rest is read from anywhere, and written without being held in memory.
func TestLongOutput(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	x := queued(t, s)
	text := bytes.Repeat([]byte("é€😀"), 40_000) // 9 bytes each
	var chunks []execution.Chunk
	for at := 0; at < len(text); at += 16 << 10 {
		chunks = append(chunks, execution.Chunk{ExecutionID: x.ID, Number: int64(len(chunks) + 1), Stream: execution.Stderr, Position: int64(at), Bytes: text[at:min(at+16<<10, len(text))], At: noon})
	}
	must(t, s.Record(ctx, chunks...))
	e := execution.NewEnding(x.ID, "u1", "kube", execution.Outcome{Status: execution.Completed}, noon)
	e.Output = &execution.Output{Chunks: int64(len(chunks)), StderrBytes: int64(len(text))}
	r, err := s.End(ctx, e)
	must(t, err)
	if n := len(r.Stderr); n > execution.InlineBytes || n < execution.InlineBytes-3 || !bytes.HasPrefix(text, r.Stderr) || !bytes.HasSuffix(whole(r.Stderr), r.Stderr) || len(r.Stdout) != 0 {
		t.Errorf("carries %d and %d bytes", n, len(r.Stdout))
	}
	var all bytes.Buffer
	for _, limit := range []int{0, 1, 16<<10 - 1, 16 << 10, 300_001, len(text) - 1, len(text), len(text) + 1, -1} {
		all.Reset()
		want := text
		if limit >= 0 {
			want = text[:min(limit, len(text))]
		}
		if n, err := s.Output(ctx, x.ID, execution.Stderr, &all, int64(limit)); err != nil || n != int64(len(want)) || !bytes.Equal(all.Bytes(), want) {
			t.Errorf("the first %d: %d bytes, want %d, %v", limit, n, len(want), err)
		}
	}
	if n, err := s.Output(ctx, x.ID, execution.Stdout, &all, -1); n != 0 || err != nil {
		t.Errorf("of stdout %d bytes, %v", n, err)
	}
}

func TestWholeCutsNoCharacter(t *testing.T) {
	for in, want := range map[string]string{"": "", "a": "a", "é": "é", "a\xc3": "a", "😀": "😀", "\xf0\x9f\x98": "", "a\xf0": "a", "\xff": "\xff", "\x80\x80\x80\x80": "\x80\x80\x80\x80"} {
		if got := string(whole([]byte(in))); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
