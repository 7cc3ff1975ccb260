package web

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codesaga/codesaga/execution"
)

// hears lets x1 hear what is sent to it.
func hears(x *execution.Execution) { x.Interactive, x.Pool, x.Language = true, "gpu", "python" }

func TestInputIsPassedOn(t *testing.T) {
	for body, want := range map[string]execution.Feed{
		`{"data":"é\n"}`:                      {ID: "k", Data: []byte("é\n")},
		`{"data_base64":"AP8=","close":true}`: {ID: "k", Data: []byte{0, 255}, Close: true},
		`{"close":true}`:                      {ID: "k", Close: true},
		`{"signal":"SIGINT"}`:                 {ID: "k", Signal: "SIGINT"},
		`{"data":"` + strings.Repeat("x", execution.MaxFeedBytes) + `"}`: {ID: "k", Data: []byte(strings.Repeat("x", execution.MaxFeedBytes))},
	} {
		s, m, _ := serve(nil)
		m.set("x1", hears)
		w := ask(s, "POST", executions+"/x1/input", body, "Idempotency-Key", "k", "X-Correlation-ID", "c")
		if w.Code != 202 || w.Body.String() != `{"id":"k"}` {
			t.Errorf("%.40s: %d %s", body, w.Code, w.Body)
		}
		task := execution.Task{Action: execution.Pass, ExecutionID: "x1", UserID: "ann", Pool: "gpu", Language: "python", CorrelationID: "c", Feed: &want}
		if diff := cmp.Diff([]execution.Task{task}, s.Bus.(*bus).tasks); diff != "" {
			t.Errorf("%.40s: %s", body, diff)
		}
	}
	s, m, _ := serve(nil)
	m.set("x1", hears)
	var ids []string
	for range 2 {
		ids = append(ids, read[struct{ ID string }](t, ask(s, "POST", executions+"/x1/input", `{"data":"a"}`)).ID)
	}
	if tasks := s.Bus.(*bus).tasks; ids[0] == ids[1] || len(ids[0]) != 36 || tasks[0].Feed.ID != ids[0] {
		t.Errorf("without a key: %v", ids)
	}
}

func TestInputThatIsRefused(t *testing.T) {
	deaf := func(*execution.Execution) {}
	waits := func(x *execution.Execution) { hears(x); x.Status = execution.Scheduled }
	ended := func(x *execution.Execution) { hears(x); end(x) }
	tests := []struct {
		name   string
		state  func(*execution.Execution)
		body   string
		status int
		detail string
	}{
		{"of one that does not listen", deaf, `{"data":"a"}`, 409, "execution x1 is not interactive"},
		{"too early", waits, `{"data":"a"}`, 409, "execution x1 does not run yet: scheduled"},
		{"too late", ended, `{"data":"a"}`, 409, "execution x1 has ended: failed"},
		{"too much", hears, `{"data":"` + strings.Repeat("x", execution.MaxFeedBytes+1) + `"}`, 413, "the input is beyond 65536 bytes"},
		{"nothing", hears, `{}`, 422, "data: data, data_base64, close or signal is needed"},
		{"empty", hears, `{"data":""}`, 422, "data: data, data_base64, close or signal is needed"},
		{"both", hears, `{"data":"a","data_base64":"AA=="}`, 422, "data: one of data and data_base64"},
		{"not base64", hears, `{"data_base64":"!"}`, 422, "data_base64: base64 (RFC 4648 § 4)"},
		{"a signal and more", hears, `{"data":"a","signal":"SIGINT"}`, 422, "signal: alone: send data and close before it"},
		{"an unknown field", hears, `{"text":"a"}`, 400, "text: is not known"},
	}
	for _, tt := range tests {
		s, m, _ := serve(nil)
		m.set("x1", tt.state)
		w := ask(s, "POST", executions+"/x1/input", tt.body)
		if p := read[Problem](t, w); w.Code != tt.status || p.Detail != tt.detail || s.Bus.(*bus).tasks != nil {
			t.Errorf("%s: %d %s", tt.name, w.Code, w.Body)
		}
	}
	s, m, _ := serve(nil)
	m.set("x1", hears)
	s.Bus.(*bus).err = execution.Errorf(execution.Unavailable, "kafka")
	if w := ask(s, "POST", executions+"/x1/input", `{"data":"a"}`); w.Code != 503 {
		t.Errorf("Kafka is away: %d %s", w.Code, w.Body)
	}
	if w := ask(s, "POST", executions+"/x1/input", `{"data":"a"}`, "Idempotency-Key", "a b"); w.Code != 422 {
		t.Errorf("a key with a blank: %d %s", w.Code, w.Body)
	}
}

func TestWhoSendsTooOftenWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m, _ := serve(nil)
		m.set("x1", hears)
		send := func() (n int) {
			for ; ; n++ {
				if w := ask(s, "POST", executions+"/x1/input", `{"data":"a"}`); w.Code != 202 {
					if p := read[Problem](t, w); w.Code != 429 || p.Type != "/problems/too_many_inputs" {
						t.Errorf("%d %+v", w.Code, p)
					}
					return n
				}
			}
		}
		if n := send(); n != paceBurst {
			t.Errorf("at once %d", n)
		}
		time.Sleep(time.Second)
		if n := send(); n != paceRate {
			t.Errorf("a second later %d", n)
		}
		var p pace
		now := time.Now()
		for i := range 1000 {
			if !p.allow(fmt.Sprint(i), now.Add(time.Duration(i)*time.Second)) {
				t.Fatal("one pays for another")
			}
		}
		if len(p.users) > 2 {
			t.Errorf("remembers %d users who have all", len(p.users))
		}
	})
}

// Who has seen the first output may be faster than the row.
func TestInputWaitsForTheRowToSayThatItRuns(t *testing.T) {
	for behind, want := range map[time.Duration]int{time.Second: 202, time.Minute: 409} {
		synctest.Test(t, func(t *testing.T) {
			s, m, _ := serve(nil)
			m.set("x1", func(x *execution.Execution) { hears(x); x.Status = execution.Scheduled })
			time.AfterFunc(behind, func() { m.set("x1", func(x *execution.Execution) { x.Status = execution.Running }) })
			if w := ask(s, "POST", executions+"/x1/input", `{"data":"x"}`); w.Code != want {
				t.Errorf("%s behind: %d %s", behind, w.Code, w.Body)
			}
		})
	}
}
