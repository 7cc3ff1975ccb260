package web

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codesaga/codesaga/execution"
)

// end lets x1 fail with the exit code 3.
func end(x *execution.Execution) {
	x.Status, x.StoredAt = execution.Failed, time.Now()
	x.Outcome = &execution.Outcome{Status: execution.Failed, ErrorType: "script_error", ExitCode: new(int32(3))}
	x.Usage = &execution.Usage{WallSeconds: 0.5, CPUSeconds: 0.25, PeakMemoryBytes: 9}
	x.Output = &execution.Output{StdoutBytes: 3, StderrBytes: 0, StdoutTruncated: true}
}

func TestViews(t *testing.T) {
	common := ViewResult{OutputComplete: true, OutputURL: executions + "/x1/output", Stdout: new(""), Stderr: new(""), CompileOutput: new(""), Artifacts: []viewArtifact{}}
	with := func(change func(*ViewResult)) *ViewResult { r := common; change(&r); return &r }
	full := strings.Repeat("x", execution.InlineBytes-1)
	tests := []struct {
		name   string
		change func(*execution.Execution)
		stdout string
		want   View // what is not the same for all
	}{
		{"in the queue", func(x *execution.Execution) { x.Status, x.Queue = execution.Queued, &execution.Queue{Position: 9} }, "",
			View{Status: execution.Queued, Queue: &execution.Queue{Position: 3, ETASeconds: 4}}}, // where it is now
		{"its pod does not start", func(x *execution.Execution) {
			x.Status, x.Waiting = execution.Scheduled, &execution.Pod{Reason: "image_pull", Message: "not found"}
		}, "", View{Status: execution.Scheduled, WaitingReason: &waitingReason{"image_pull", "not found"}}},
		{"as it was asked for", func(x *execution.Execution) {
			x.Program.FileName, x.Interactive, x.Egress = "a/b.py", true, []execution.Egress{{CIDR: "10.0.0.0/8", Ports: []int32{443}}}
			x.Retry, x.CallbackURL, x.NotBefore = execution.RetryPolicy{MaxAttempts: 2}, "https://a", new(time.Unix(9, 0).UTC())
			x.ScheduleID, x.BatchID, x.BatchIndex, x.ParentID, x.Attempt = "s1", "b1", 0, "x0", 2
		}, "", View{
			Status: execution.Running, Entry: "a/b.py", Interactive: true, Network: &Network{Egress: []execution.Egress{{CIDR: "10.0.0.0/8", Ports: []int32{443}}}},
			Retry: &execution.RetryPolicy{MaxAttempts: 2}, CallbackURL: "https://a", ScheduledFor: new(time.Unix(9, 0).UTC()),
			ScheduleID: "s1", BatchID: "b1", BatchIndex: new(int32(0)), ParentID: "x0", Attempt: 2,
		}},
		{"compiled, judged, with artifacts", func(x *execution.Execution) {
			x.Status, x.Judge, x.Limits.MemoryBytes = execution.Completed, &execution.Judge{Detail: "line 1"}, 512<<20
			x.ScheduledAt, x.NotBefore = new(time.Unix(12, 0).UTC()), new(time.Unix(9, 0).UTC())
			x.Usage = &execution.Usage{WallSeconds: 1, CompileWall: 3, CompileCPU: 2}
			x.Output = &execution.Output{CompileBytes: 7, CompileTruncated: true, ArtifactsSkipped: 2, Artifacts: []execution.Artifact{{Path: "a b/c?", Bytes: 4, SHA256: "00"}}}
		}, "", View{Status: execution.Completed, Retries: []execution.ID{"x7"}, Limits: execution.Limits{MemoryBytes: 512 << 20}, ScheduledAt: new(time.Unix(12, 0).UTC()), ScheduledFor: new(time.Unix(9, 0).UTC()), Result: with(func(r *ViewResult) {
			r.CompileOutput, r.CompileBytes, r.CompileTruncated = new("warning"), 7, true
			r.CompileWall, r.CompileCPU, r.WallSeconds = new(3.0), new(2.0), new(1.0)
			r.QueueSeconds, r.GiBSeconds, r.Judge = new(3.0), new(2.0), &execution.Judge{Detail: "line 1"}
			r.Artifacts, r.ArtifactsSkipped = []viewArtifact{{"a b/c?", 4, "00", executions + "/x1/artifacts/a%20b/c%3F"}}, 2
		})}},
		{"failed", end, "a\xffb", View{Status: execution.Failed, ErrorType: "script_error", Result: with(func(r *ViewResult) {
			r.Stdout, r.StdoutBytes, r.StdoutTruncated, r.ExitCode = new("a\uFFFDb"), 3, true, new(int32(3))
			r.WallSeconds, r.CPUSeconds, r.PeakMemoryBytes = new(0.5), new(0.25), new(int64(9))
			r.CompileWall, r.CompileCPU, r.GiBSeconds = new(0.0), new(0.0), new(0.0)
		})}},
		{"cancelled", func(x *execution.Execution) {
			x.Status, x.Outcome = execution.Cancelled, &execution.Outcome{Status: execution.Cancelled, Reason: "enough"}
			x.Usage, x.CancelledBy = &execution.Usage{ExitCode: new(int32(143)), Signal: "SIGTERM"}, "ann"
		}, "", View{Status: execution.Cancelled, Reason: "enough", CancelledBy: "ann", Result: with(func(r *ViewResult) {
			r.ExitCode, r.Signal, r.WallSeconds = new(int32(143)), "SIGTERM", new(0.0)
			r.CompileWall, r.CompileCPU, r.GiBSeconds = new(0.0), new(0.0), new(0.0)
		})}},
		{"never started", func(x *execution.Execution) {
			x.Status, x.Outcome = execution.Errored, &execution.Outcome{Status: execution.Errored, ErrorType: "system_error", Reason: "image_pull"}
		}, "", View{Status: execution.Errored, ErrorType: "system_error", Reason: "image_pull", Result: &common}},
		{"cut in a character", func(x *execution.Execution) { x.Status = execution.Completed }, full + "é",
			View{Status: execution.Completed, Result: with(func(r *ViewResult) { r.Stdout = &full })}},
		{"incomplete", func(x *execution.Execution) {
			x.Status, x.Output = execution.Completed, &execution.Output{Incomplete: true}
		}, "",
			View{Status: execution.Completed, Result: with(func(r *ViewResult) { r.OutputComplete = false })}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, m, _ := serve(nil)
			m.outputs, m.retries = map[execution.Stream]string{execution.Stdout: tt.stdout}, tt.want.Retries
			if r := tt.want.Result; r != nil {
				m.outputs[execution.Compile] = *r.CompileOutput
			}
			m.set("x1", tt.change)
			s.Queue.(*queue).place = &execution.Queue{Position: 3, ETASeconds: 4}
			w := ask(s, "GET", executions+"/x1", "")
			got, want := read[View](t, w), tt.want
			want.Retries = append([]execution.ID{}, m.retries...)
			want.ID, want.UserID, want.SagaID, want.Labels, want.CreatedAt = "x1", "ann", "x1", map[string]string{}, time.Unix(0, 0).UTC()
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%d %s", w.Code, diff)
			}
			if null := `"limit":null`; !strings.Contains(w.Body.String(), null) {
				t.Errorf("no %s in %s", null, w.Body)
			}
		})
	}
}

func TestWaitForTheEnd(t *testing.T) {
	tests := []struct {
		name  string
		event time.Duration // when a live event comes; 0: none
		end   time.Duration // when the end is stored
		want  time.Duration // when the answer comes, at most
	}{
		{"told", time.Second + 100*time.Millisecond, time.Second + 100*time.Millisecond, time.Second + 110*time.Millisecond},
		{"told before it is stored", time.Second, 1200 * time.Millisecond, 1400 * time.Millisecond},
		{"not told", 0, 5 * time.Second, 7 * time.Second},
		{"not ended", 0, time.Hour, 20 * time.Second},
		{"ended between", 0, 1, 20 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				live := make(feedOf, 1)
				s, m, _ := serve(live)
				if tt.event > 0 {
					time.AfterFunc(tt.event, func() { live <- new(status(7)) })
				}
				time.AfterFunc(tt.end, func() { m.set("x1", end) })
				start := time.Now()
				v := read[View](t, ask(s, "GET", executions+"/x1?wait=20", ""))
				if took := time.Since(start); took > tt.want || (v.Status == execution.Failed) != (tt.end < 20*time.Second) {
					t.Errorf("%s after %s, want at most %s", v.Status, took, tt.want)
				}
			})
		})
	}
}

func TestParametersOutOfRange(t *testing.T) {
	s, _, _ := serve(nil)
	for query, field := range map[string]string{
		"?limit=0": "limit", "?limit=201": "limit", "?limit=x": "limit", "?limit=": "limit", "?status=ended": "status", "?label=course": "label",
		"?created_from=yesterday": "created_from", "?created_to=1": "created_to",
		"?priority=urgent": "priority", "?all=yes": "all", "/x1/output?format=html": "format", "/x1/output?stream=artifacts": "stream",
		"/x1?wait=31": "wait", "/x1?wait=-1": "wait", "/x1/events?limit=1001": "limit", "/x1/output?stream=both": "stream",
	} {
		w := ask(s, "GET", executions+query, "")
		if p := read[Problem](t, w); w.Code != 422 || len(p.Errors) != 1 || p.Errors[0].Field != field {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}

func TestList(t *testing.T) {
	s, m, _ := serve(nil)
	m.set("x1", end)
	w := ask(s, "GET", executions+"?status=failed&language=py&label=course=cs1&created_from=2026-08-01T12:00:00%2B02:00&limit=200&cursor=c&pool=gpu&priority=low&parent_id=p&batch_id=b&schedule_id=s", "")
	page := read[struct {
		Items []View
		Next  *string `json:"next_cursor"`
	}](t, w)
	if len(page.Items) != 1 || page.Next != nil || *page.Items[0].Result.ExitCode != 3 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, heavy := range []string{`"stdout":`, `"compile_output":`, `"artifacts":`, `"retries":`} {
		if strings.Contains(w.Body.String(), heavy) {
			t.Errorf("a row has %s", heavy)
		}
	}
	want := execution.Filter{
		UserID: "ann", Status: execution.Failed, Language: "python", Label: execution.Pair{Name: "course", Value: "cs1"},
		CreatedFrom: time.Date(2026, 8, 1, 10, 0, 0, 0, time.UTC), Limit: 200, Cursor: "c",
		Pool: "gpu", Priority: execution.Low, ParentID: "p", BatchID: "b", ScheduleID: "s",
	}
	if diff := cmp.Diff(want, m.filter); diff != "" {
		t.Error(diff)
	}
	m.rows = nil
	if w := ask(s, "GET", executions, ""); w.Body.String() != `{"items":[],"next_cursor":null}` || m.filter.Limit != 50 {
		t.Errorf("%s, limit %d", w.Body, m.filter.Limit)
	}
}

func TestCancel(t *testing.T) {
	t.Run("under way, twice", func(t *testing.T) {
		s, m, _ := serve(nil)
		w := ask(s, "POST", executions+"/x1/cancel", `{"reason":"wrong input"}`)
		if x := m.rows["x1"]; w.Code != 202 || x.CancelledBy != "ann" || x.CancelReason != "wrong input" || read[View](t, w).CancelledBy != "ann" {
			t.Errorf("%d %+v", w.Code, x)
		}
		w = ask(s, "POST", executions+"/x1/cancel", "")
		if x := m.rows["x1"]; w.Code != 202 || x.CancelReason != "wrong input" {
			t.Errorf("again: %d %+v", w.Code, x)
		}
	})
	t.Run("ended", func(t *testing.T) {
		s, m, g := serve(nil)
		m.set("x1", end)
		w := ask(s, "POST", executions+"/x1/cancel", "")
		if p := read[Problem](t, w); w.Code != 409 || p.Detail != "execution x1 has ended: failed" || m.rows["x1"].CancelledBy != "" || g.calls != nil {
			t.Errorf("%d %+v, %v", w.Code, p, g.calls)
		}
	})
	t.Run("ends meanwhile", func(t *testing.T) {
		s, m, _ := serve(nil)
		m.set("x1", func(x *execution.Execution) { x.StoredAt = time.Now() }) // GET still shows it running
		w := ask(s, "POST", executions+"/x1/cancel", "")
		if p := read[Problem](t, w); w.Code != 409 || p.Detail != "execution x1 has ended: failed" {
			t.Errorf("%d %+v", w.Code, p)
		}
	})
	t.Run("overtakes the start", func(t *testing.T) {
		s, _, g := serve(nil)
		g.started = nil
		if w := ask(s, "POST", executions+"/x1/cancel", ""); w.Code != 202 || strings.Join(g.calls, " ") != "cancel start cancel" {
			t.Errorf("%d %v", w.Code, g.calls)
		}
	})
	t.Run("over, and not stored yet", func(t *testing.T) {
		s, _, g := serve(nil)
		g.over = true
		if w := ask(s, "POST", executions+"/x1/cancel", ""); w.Code != 202 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
	t.Run("refused", func(t *testing.T) {
		for body, want := range map[string]int{`{"reason":"` + strings.Repeat("é", 501) + `"}`: 422, `{"why":""}`: 400, `{"reason":1}`: 400, `{"reason":"` + strings.Repeat("é", 500) + `"}`: 202} {
			s, m, g := serve(nil)
			if w := ask(s, "POST", executions+"/x1/cancel", body); w.Code != want || (want == 202) != (m.rows["x1"].CancelledBy == "ann" && g.calls != nil) {
				t.Errorf("%.20s: %d %s", body, w.Code, w.Body)
			}
		}
	})
	t.Run("Temporal is away", func(t *testing.T) {
		s, _, g := serve(nil)
		g.err = execution.Errorf(execution.Unavailable, "frontend")
		if w := ask(s, "POST", executions+"/x1/cancel", ""); w.Code != 503 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

func TestEvents(t *testing.T) {
	s, m, _ := serve(nil)
	m.add(status(1), status(2))
	m.updates[0].Event.Saga = &execution.Saga{Step: "admit", Cause: "mongodb://secret"}
	m.updates[1].Event.Type, m.updates[1].Event.Saga = execution.ExecutionRetried, &execution.Saga{Cause: "x7"}
	if w := ask(s, "GET", executions+"/x1/events", ""); !strings.Contains(w.Body.String(), `"saga":{"cause":"x7"}`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(s, "GET", executions+"/x1/events", "", "User", "op"); !strings.Contains(w.Body.String(), "secret") {
		t.Errorf("to an operator: %d %s", w.Code, w.Body)
	}
	w := ask(s, "GET", executions+"/x1/events?limit=1", "")
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"saga":{"step":"admit"}`) || strings.Contains(w.Body.String(), "secret") || !strings.Contains(w.Body.String(), `"next_cursor":"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
