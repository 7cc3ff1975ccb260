package web

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// stopping is a server that is told to stop when stop is called.
func stopping() (s *Server, stop func()) {
	s, _, _ = serve(make(feedOf))
	closing := make(chan struct{})
	s.Closing, s.Phases = closing, Phases{Notify: 5 * time.Second, Drain: 30 * time.Second, Close: 10 * time.Second}
	s.Handler()
	return s, func() { close(closing) }
}

func TestDrainEndsAtOnceWithoutStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, stop := stopping()
		start := time.Now()
		stop()
		shut := false
		err := s.Drain(context.Background(), func(ctx context.Context) error {
			until, _ := ctx.Deadline()
			shut = time.Until(until) == 10*time.Second
			return nil
		})
		if err != nil || !shut || time.Since(start) > 0 || s.shutdown.view().Phase != phaseComplete {
			t.Errorf("%v after %s, %+v", err, time.Since(start), s.shutdown.view())
		}
	})
}

// Streams are told, go on for a while, and end with what they can come back
// with; those whose clients leave are not waited for.
func TestDrainGoesThroughItsPhases(t *testing.T) {
	for _, heeds := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s, stop := stopping()
			live := s.Live.(feedOf)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			w, done := httptest.NewRecorder(), make(chan bool)
			go func() {
				defer close(done)
				s.Handler().ServeHTTP(w, httptest.NewRequest("GET", streamOf, nil).WithContext(ctx))
			}()
			synctest.Wait()
			start := time.Now()
			stop()
			drained := make(chan time.Duration, 1)
			go func() {
				_ = s.Drain(context.Background(), func(context.Context) error { return nil })
				drained <- time.Since(start)
			}()
			synctest.Wait()
			health := func() (h StreamHealth) {
				_ = json.Unmarshal(ask(s, "GET", "/api/v1/streams/health", "", "User", "op").Body.Bytes(), &h)
				return h
			}
			if h := health(); h.Status != "draining" || h.Connections != 1 || h.Shutdown.Phase != phaseNotifying || h.Shutdown.Until.Sub(*h.Shutdown.Since) != 5*time.Second {
				t.Errorf("%+v", h)
			}
			if n := ask(s, "GET", streamOf, ""); n.Code != 503 || n.Header().Get("Retry-After") == "" {
				t.Errorf("a new one: %d %v", n.Code, n.Header())
			}
			if n := ask(s, "GET", "/readyz", ""); n.Code != 503 {
				t.Errorf("ready: %d", n.Code)
			}
			live <- new(output(1)) // after it was told
			synctest.Wait()
			if heeds {
				leave()
				synctest.Wait()
				if took := <-drained; took > 0 {
					t.Errorf("took %s although nobody is left", took)
				}
				return
			}
			time.Sleep(6 * time.Second)
			if h := health(); h.Connections == 1 && h.Shutdown.Phase != phaseDraining {
				t.Errorf("%+v", h)
			}
			<-done
			sent, _ := frames(w)
			if told := sent[2]; told.event != "shutdown" || told.id != "" || !strings.Contains(told.data, `"grace_seconds":`) || !strings.Contains(told.data, `"reconnect_after":`) {
				t.Errorf("%+v", sent)
			}
			if ids(w) != "0.1" {
				t.Errorf("not ended behind what came after it was told: %+v", sent)
			}
			if took := <-drained; took < 5*time.Second || took > 35*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

// A stream that does not end is left to shut, after the first two phases.
func TestDrainDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, stop := stopping()
		if _, err := s.seats.take("ann", 0); err != nil { // and never leaves
			t.Fatal(err)
		}
		start := time.Now()
		stop()
		err := s.Drain(context.Background(), func(ctx context.Context) error {
			if s.shutdown.view().Phase != phaseClosing {
				t.Errorf("%+v", s.shutdown.view())
			}
			<-ctx.Done()
			return ctx.Err()
		})
		if took := time.Since(start); err == nil || took != 45*time.Second {
			t.Errorf("%v after %s", err, took)
		}
		if _, err := s.seats.take("bob", 0); execution.KindOf(err) != execution.Unavailable {
			t.Errorf("a late one: %v", err)
		}
	})
}

func TestStreamHealth(t *testing.T) {
	s, _, _ := serve(nil)
	s.MaxStreams = 10
	for range 3 {
		_, _ = s.seats.take("ann", 0)
	}
	const want = `{"status":"healthy","active_connections":3,"active_executions":2,"consumers":24,` +
		`"buffer":{"updates":3,"bytes":4,"fullest_updates":2,"fullest_bytes":3,"max_updates":100,"max_bytes":1048576},` +
		`"max_streams_per_user":10,"heartbeat_seconds":15,"shutdown":{"phase":"ready","since":null,"until":null}}`
	if w := ask(s, "GET", "/api/v1/streams/health", "", "User", "op"); w.Code != http.StatusOK || w.Body.String() != want {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
