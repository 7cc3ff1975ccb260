package e2e

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// counter prints a line ten times a second, n of them.
func counter(n int) submission {
	return submission{Language: "python", Args: []string{jsonOf(n)}, Script: `
import sys, time
for i in range(int(sys.argv[1])):
    print(f"line {i:04d} é", flush=True)
    time.sleep(0.1)
`}
}

// counted is what it prints.
func counted(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("line ")
		b.WriteString(strings.Repeat("0", 4-len(jsonOf(i))) + jsonOf(i))
		b.WriteString(" é\n")
	}
	return b.String()
}

// SS-01, SS-02, SS-03, DF-14: from the first frame to the last one.
func TestAStreamTellsAllAndEndsWithTheResult(t *testing.T) {
	s := beside(t, time.Minute)
	x := s.submit(counter(10))
	r := s.follow(s.base, x.ID)
	x = s.ended(x.ID)
	s.checkEnd(r, x)
	if r.printed["stdout"] != counted(10) {
		t.Error(difference(r.printed["stdout"], counted(10)))
	}
	var types, statuses []string
	for _, f := range append(r.snapshots, r.statuses...) {
		if f.ExecutionID != x.ID || f.At.IsZero() {
			t.Errorf("%+v", f)
		}
		if types = append(types, f.Type); len(statuses) == 0 || f.Status != statuses[len(statuses)-1] {
			statuses = append(statuses, f.Status)
		}
	}
	for _, want := range []string{"snapshot", "execution_requested", "execution_scheduled", "pod_created", "pod_running", "execution_completed"} {
		if n := len(types) - len(slices.DeleteFunc(slices.Clone(types), func(t string) bool { return t == want })); n != 1 {
			t.Errorf("%s comes %d times in %v", want, n, types)
		}
	}
	order := []string{"queued", "scheduled", "running", "completed"}
	if !slices.IsSortedFunc(statuses, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) }) || statuses[len(statuses)-1] != "completed" {
		t.Errorf("statuses go %v", statuses)
	}
}

// SS-01, DF-14: it does not hang.
func TestDF14AStreamOfWhatHasEndedIsTheStateAndTheResult(t *testing.T) {
	s := beside(t, time.Minute)
	x := s.run(counter(3))
	for _, base := range the.urls {
		began := time.Now()
		r := s.follow(base, x.ID)
		s.checkEnd(r, x)
		if took := time.Since(began); took > 10*time.Second { // before it would look again by itself, on a busy machine, too
			t.Errorf("took %s", took)
		}
		if r.snapshots[0].Status != "completed" {
			t.Errorf("the present state is %s", r.snapshots[0].Status)
		}
		if c, err := s.connect(s.ctx, base, x.ID, r.last); !errors.Is(err, errNothingLeft) { // SS-04
			t.Errorf("behind the end: %v %v, want 204", c, err)
		}
	}
}

// SS-04, DF-16, I7.
func TestDF16TwentyReconnectsOverTwoProcessesLoseAndRepeatNothing(t *testing.T) {
	s := beside(t, time.Minute)
	x := s.submit(counter(70))
	f := s.pursue(x.ID, func() time.Duration {
		return 20*time.Millisecond + rand.N(600*time.Millisecond)
	})
	r := f.wait() // each frame was checked as it came
	x = s.ended(x.ID)
	s.checkEnd(r, x)
	if f.connections < 20 {
		t.Errorf("only %d reconnects", f.connections)
	}
	if r.printed["stdout"] != counted(70) {
		t.Error(difference(r.printed["stdout"], counted(70)))
	}
	var told, stored []string
	for _, f := range r.statuses {
		told = append(told, f.Type)
	}
	for _, e := range s.timeline(x.ID) {
		if e.Type == "result_stored" {
			break
		}
		stored = append(stored, e.Type)
	}
	if !slices.Equal(told, stored) {
		t.Errorf("told: %v, in the timeline: %v", told, stored)
	}
}

// SS-04, I7: five runs at once, each over a hundred connections to either process.
func TestHundredsOfReconnectsLoseAndRepeatNothing(t *testing.T) {
	s := beside(t, 2*time.Minute)
	const lines = 150 // 15 s
	var followers []*follower
	for range 5 {
		x := s.submit(counter(lines))
		followers = append(followers, s.pursue(x.ID, func() time.Duration { return rand.N(200 * time.Millisecond) }))
	}
	connections := 0
	for _, f := range followers {
		r := f.wait() // each frame was checked as it came
		x := s.ended(f.id)
		s.checkEnd(r, x)
		if r.printed["stdout"] != counted(lines) {
			t.Error(difference(r.printed["stdout"], counted(lines)))
		}
		connections += f.connections
	}
	if connections < 300 {
		t.Errorf("only %d reconnects", connections)
	}
}

// SS-04: also by the query, for who cannot set headers.
func TestAStreamIsResumedByTheQueryToo(t *testing.T) {
	s := beside(t, time.Minute)
	x := s.run(counter(5))
	c, err := s.connect(s.ctx, s.base, x.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.body.Close()
	var middle string
	for middle == "" {
		f, err := c.next()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(f.data), "line 0001") {
			middle = f.id
		}
	}
	path := "/api/v1/executions/" + x.ID + "/stream?last_event_id="
	if text := string(s.do("GET", path+middle, nil).body); strings.Count(text, "line 000") < 3 || strings.Contains(text, `"line 0001`) {
		t.Errorf("behind %s: %s", middle, text)
	}
	if a := s.do("GET", path+"end", nil); a.status != 204 {
		t.Errorf("behind the end: %d %s", a.status, a.body)
	}
}

// SS-06, SS-13, DF-17: 34 s here, for ten minutes are too long for a suite.
func TestDF17ASilentStreamStaysOpen(t *testing.T) {
	s := beside(t, 2*time.Minute)
	sub := python("import time; time.sleep(34); print('at last')")
	sub.Limits = &limits{Timeout: 60}
	x := s.submit(sub)
	r := s.follow(s.base, x.ID)
	x = s.ended(x.ID)
	s.checkEnd(r, x)
	if r.beats < 2 {
		t.Errorf("%d heartbeats in 34 s, want one every 15 s", r.beats)
	}
	if x.verdict() != "completed 0" || r.printed["stdout"] != "at last\n" {
		t.Errorf("%s %q", x.verdict(), r.printed["stdout"])
	}
}
