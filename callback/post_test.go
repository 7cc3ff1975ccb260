package callback

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/codesaga/codesaga/execution"
)

// book is what a Poster knows.
type book struct {
	rows  map[execution.ID]execution.Execution
	off   bool
	notes []execution.Delivery
	err   error
}

func (b *book) Get(_ context.Context, id execution.ID) (execution.Execution, error) {
	x, ok := b.rows[id]
	if !ok {
		return x, execution.Errorf(execution.NotFound, "nothing")
	}
	return x, b.err
}

func (b *book) SwitchedOff(_ context.Context, user, host string) (bool, error) {
	return b.off && user == "ann" && host != "", nil
}

func (b *book) Note(_ context.Context, d execution.Delivery) error {
	b.notes = append(b.notes, d)
	return b.err
}

func TestWhatAnAttemptLeaves(t *testing.T) {
	status, heard := 200, 0
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		heard++
		w.WriteHeader(status)
	}))
	defer receiver.Close()
	attempt := func(delivery, number int, last bool) execution.CallbackAttempt {
		return execution.CallbackAttempt{ExecutionID: "x1", Delivery: delivery, Number: number, Last: last}
	}
	tests := []struct {
		name    string
		attempt execution.CallbackAttempt
		status  int
		off     bool
		done    bool
		heard   int
		failure execution.DeliveryFailure
		last    bool
	}{
		{"it is heard", attempt(1, 1, false), 204, false, true, 1, "", true},
		{"it is not, and tried again", attempt(1, 2, false), 500, false, false, 1, execution.BadAnswer, false},
		{"it is given up", attempt(1, 30, true), 500, false, false, 1, execution.BadAnswer, true},
		{"nobody wants it", attempt(1, 1, false), 410, false, true, 1, execution.ReceiverGone, true},
		{"the host is left alone", attempt(1, 1, false), 200, true, true, 0, execution.SwitchedOff, true},
		{"but somebody asks", attempt(2, 1, false), 200, true, true, 1, "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, counted := sender(t), prometheus.NewRegistry()
			s.Sent = NewSent(counted)
			b := &book{off: tt.off, rows: map[execution.ID]execution.Execution{"x1": {ID: "x1", UserID: "ann", CallbackURL: receiver.URL + "/hook"}}}
			p := &Poster{Executions: b, Log: b, Sender: s, Body: func(execution.Execution) ([]byte, error) { return []byte("{}"), nil }}
			status, heard = tt.status, 0
			done, err := p.Post(t.Context(), tt.attempt)
			if done != tt.done || err != nil || heard != tt.heard || len(b.notes) != 1 {
				t.Fatalf("%t, %v, heard %d times, noted %+v", done, err, heard, b.notes)
			}
			d := b.notes[0]
			if d.ExecutionID != "x1" || d.UserID != "ann" || d.Host != receiver.Listener.Addr().String() || d.Delivery != tt.attempt.Delivery || d.Number != tt.attempt.Number ||
				d.Failure != tt.failure || d.Last != tt.last || d.At.IsZero() {
				t.Errorf("%+v", d)
			}
			if all, err := counted.Gather(); err != nil || len(all) != 1 || all[0].GetMetric()[0].GetCounter().GetValue() != 1 || all[0].GetMetric()[0].GetLabel()[0].GetValue() != cmp.Or(string(tt.failure), "delivered") {
				t.Errorf("counted %v, %v", all, err)
			}
		})
	}
}

func TestNobodyIsToBeTold(t *testing.T) {
	b := &book{rows: map[execution.ID]execution.Execution{"quiet": {ID: "quiet"}}}
	p := &Poster{Executions: b, Log: b, Sender: sender(t)}
	for _, id := range []execution.ID{"quiet", "deleted"} {
		if done, err := p.Post(t.Context(), execution.CallbackAttempt{ExecutionID: id}); !done || err != nil || len(b.notes) != 0 {
			t.Errorf("%s: %t, %v, %v", id, done, err, b.notes)
		}
	}
	b.err = errors.New("away")
	if done, err := p.Post(t.Context(), execution.CallbackAttempt{ExecutionID: "quiet"}); done || err == nil {
		t.Errorf("an outage: %t, %v", done, err)
	}
}

// Who takes the secret away wants nothing sent that nobody can check.
func TestNothingIsSentUnsigned(t *testing.T) {
	s := sender(t)
	s.Secrets = nil
	if d := s.Send(t.Context(), "http://127.0.0.1:1/", "m1", nil); d.Failure != execution.RefusedURL {
		t.Errorf("%+v", d)
	}
}
