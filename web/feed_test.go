package web

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// on is chunk n of a stream, at its beginning.
func on(n int64, stream execution.Stream, text string) execution.Update {
	u := printed(n, text)
	u.Chunk.Stream, u.Chunk.Position = stream, 0
	return u
}

// Files that a script leaves count in the position and are not sent: who comes
// back behind any frame misses nothing, and gets nothing twice.
func TestArtifactsOnlyCount(t *testing.T) {
	all := []execution.Update{
		on(1, execution.Compile, "warning"), on(2, execution.Stdout, "a"), on(3, execution.Artifacts, ""), on(4, execution.Artifacts, ""), on(5, execution.Stderr, "b"), stored(9),
	}
	const want = "0.1 0.2 0.5 end"
	live := make(feedOf, 10)
	s, _, _ := serve(live)
	for _, u := range all[:5] {
		live <- new(u)
	}
	close(live)
	if w := ask(s, "GET", streamOf, ""); ids(w) != "0.1 0.2 0.5" {
		t.Errorf("live: %s", ids(w))
	}
	s, m, _ := serve(nil)
	m.add(all...)
	w := ask(s, "GET", streamOf, "")
	if sent, _ := frames(w); ids(w) != want || sent[2].data != `{"stream":"compile","position":0,"text":"warning"}` || strings.Contains(w.Body.String(), "artifacts\",\"position") {
		t.Errorf("sent %s: %s", ids(w), w.Body)
	}
	for at := range 6 {
		for batch := range 3 {
			m.batch = batch
			w := ask(s, "GET", streamOf, "", "Last-Event-ID", execution.Position{Output: int64(at)}.String())
			rest := []string{want, "0.2 0.5 end", "0.5 end", "0.5 end", "0.5 end", "end"}[at]
			if ids(w) != rest {
				t.Errorf("behind 0.%d, %d at once: %s, want %s", at, batch, ids(w), rest)
			}
		}
	}
}

// The place in the queue is told when it is another, and not counted.
func TestStreamTellsThePlaceInTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live := make(feedOf, 1)
		s, m, _ := serve(live)
		m.set("x1", func(x *execution.Execution) { x.Status, x.Pool = execution.Queued, "default" })
		q := s.Queue.(*queue)
		at := func(d time.Duration, place *execution.Queue) {
			time.AfterFunc(d, func() { q.mu.Lock(); q.place = place; q.mu.Unlock() })
		}
		q.place = &execution.Queue{Position: 3}
		at(6*time.Second, &execution.Queue{Position: 2, ETASeconds: 4}) // told at 10 s, and not again
		at(21*time.Second, nil)
		at(26*time.Second, &execution.Queue{Position: 7}) // it runs by then
		time.AfterFunc(24*time.Second, func() { m.add(event(2, execution.PodRunning)); live <- new(event(2, execution.PodRunning)) })
		time.AfterFunc(time.Minute, func() { m.add(stored(9)) })
		w := ask(s, "GET", streamOf, "")
		sent, _ := frames(w)
		var told []string
		for _, f := range sent {
			var data StatusFrame
			if _ = json.Unmarshal([]byte(f.data), &data); f.event == "status" && data.Queue != nil {
				told = append(told, f.id+string(data.Type)+string(data.Status)+fmt.Sprint(*data.Queue))
			}
		}
		if got, want := strings.Join(told, " "), "snapshotqueued{3 0} queuequeued{2 4}"; got != want || ids(w) != "2.0 end" {
			t.Errorf("told %s, want %s; ids %s", got, want, ids(w))
		}
	})
}
