package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// memory is a store, and fails with err if that is set.
type memory struct {
	mu      sync.Mutex
	rows    map[execution.ID]execution.Execution
	keys    map[string]claim
	updates []execution.Update // of any execution
	outputs map[execution.Stream]string
	batch   int // updates that Since returns at once; 0: all
	err     error
	filter  execution.Filter
	retries []execution.ID
}

type claim struct {
	id     execution.ID
	digest [32]byte
}

func (m *memory) Create(_ context.Context, x execution.Execution) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.rows[x.ID]; !ok && m.err == nil {
		m.rows[x.ID] = x
	}
	return m.err
}

func (m *memory) Get(_ context.Context, id execution.ID) (execution.Execution, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	x, ok := m.rows[id]
	if !ok {
		return x, cmp.Or(m.err, execution.Errorf(execution.NotFound, "nothing"))
	}
	return x, m.err
}

func (m *memory) Remove(_ context.Context, id execution.ID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.rows, id)
	return nil
}

func (m *memory) SetCancel(_ context.Context, id execution.ID, by, reason string) error {
	if m.rows[id].StoredAt.IsZero() {
		m.set(id, func(x *execution.Execution) { x.CancelledBy, x.CancelReason = by, reason })
		return m.err
	}
	m.set(id, end)
	return execution.Errorf(execution.Conflict, "too late")
}

func (m *memory) SetPriority(_ context.Context, id execution.ID, p execution.Priority) error {
	m.set(id, func(x *execution.Execution) { x.Priority = p })
	return m.err
}

func (m *memory) Retries(context.Context, execution.ID) ([]execution.ID, error) {
	return m.retries, m.err
}

func (m *memory) Artifact(_ context.Context, _ execution.ID, a execution.Artifact, w io.Writer) error {
	_, _ = io.WriteString(w, m.outputs[execution.Artifacts][a.Position:a.Position+a.Bytes])
	return m.err
}

func (m *memory) Claim(_ context.Context, user, key string, digest [32]byte, id execution.ID) (execution.ID, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	was, ok := m.keys[user+" "+key]
	switch {
	case !ok:
		m.keys[user+" "+key] = claim{id, digest}
		return id, false, m.err
	case was.digest != digest:
		return "", false, execution.FieldErrors{{Field: "Idempotency-Key", Rule: "was used for another request"}}
	}
	return was.id, true, m.err
}

func (m *memory) Unclaim(_ context.Context, user, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.keys, user+" "+key)
	return nil
}

func (m *memory) List(_ context.Context, f execution.Filter) (items []execution.Execution, next string, err error) {
	m.filter = f
	for _, x := range m.rows {
		items = append(items, x)
	}
	return items, "", m.err
}

func (m *memory) Events(_ context.Context, _ execution.ID, f execution.EventFilter) (items []execution.Event, next string, err error) {
	for _, u := range m.updates {
		if u.Event != nil && len(items) < f.Limit {
			items, next = append(items, *u.Event), u.Event.ID
		}
	}
	return items, next, m.err
}

func (m *memory) Since(_ context.Context, _ execution.ID, at execution.Position) (missed []execution.Update, more bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, u := range m.updates {
		if m.batch > 0 && len(missed) == m.batch {
			return missed, true, m.err
		}
		if at.Advance(u) {
			missed = append(missed, u)
		}
	}
	return missed, false, m.err
}

func (m *memory) Output(_ context.Context, _ execution.ID, stream execution.Stream, w io.Writer, limit int64) (int64, error) {
	text := m.outputs[stream]
	if limit >= 0 {
		text = text[:min(int(limit), len(text))]
	}
	n, _ := io.WriteString(w, text)
	return int64(n), m.err
}

func (m *memory) add(updates ...execution.Update) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.updates = append(m.updates, updates...)
}

func (m *memory) set(id execution.ID, change func(*execution.Execution)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	x := m.rows[id]
	change(&x)
	m.rows[id] = x
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// sagas notes what was started and cancelled, and fails with err.
type sagas struct {
	mu      sync.Mutex
	started []execution.ID
	over    bool // nothing is found to cancel
	calls   []string
	woken   []execution.ID
	err     error
}

func (s *sagas) Wake(_ context.Context, id execution.ID) error {
	s.woken = append(s.woken, id)
	return nil
}

func (s *sagas) Start(_ context.Context, x execution.Execution) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, "start")
	if s.err == nil && !slices.Contains(s.started, x.ID) {
		s.started = append(s.started, x.ID)
	}
	return s.err
}

func (s *sagas) Cancel(_ context.Context, id execution.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, "cancel")
	if s.over || !slices.Contains(s.started, id) {
		return execution.Errorf(execution.NotFound, "no saga")
	}
	return s.err
}

// feedOf is a live feed that the test writes to.
type feedOf chan *execution.Update

func (f feedOf) Subscribe(execution.ID) (<-chan *execution.Update, func()) { return f, func() {} }

func (f feedOf) SubscribeNotices(string) (<-chan *execution.Update, func()) { return f, func() {} }

func (f feedOf) Figures() execution.LiveFigures {
	return execution.LiveFigures{Readers: 24, Executions: 2, Updates: 3, Bytes: 4, FullestUpdates: 2, FullestBytes: 3, MaxUpdates: 100, MaxBytes: 1 << 20}
}

// serve returns a server with the execution x1, which runs and is ann's.
func serve(live feedOf) (*Server, *memory, *sagas) {
	m := &memory{rows: map[execution.ID]execution.Execution{}, keys: map[string]claim{}}
	m.rows["x1"] = execution.Execution{ID: "x1", UserID: "ann", Status: execution.Running, CreatedAt: time.Unix(0, 0).UTC()}
	g := &sagas{started: []execution.ID{"x1"}}
	s := &Server{
		Executions: m, Marks: m, History: m, Outputs: m, Keys: m, Sagas: g, Live: live, Operators: []string{"op"},
		User: func(r *http.Request) (string, error) {
			user := cmp.Or(r.Header.Get("User"), "ann")
			if user == "nobody" {
				return "", execution.Errorf(execution.Anonymous, "sign in")
			}
			return user, nil
		},
		Languages: execution.Languages{{
			ID: "python", Name: "Python", Aliases: []string{"py"}, FileName: "main.py", Run: []string{"python3", "main.py"}, DefaultVersion: "3.11",
			Versions: []execution.Version{{Version: "3.11", Image: "python"}, {Version: "2.7", Disabled: true}},
		}},
		Bounds: execution.DefaultBounds, Log: slog.New(slog.DiscardHandler), Bus: &bus{}, SagaBook: &book{},
	}
	q := &queue{policy: execution.PoolPolicy{Executions: 10, UserRunning: 5}}
	s.Queue, s.Policies = q, q
	s.withGroups(m)
	s.withEvents(happened(1)...)
	s.withRebuilder()
	s.withConsumers()
	s.PlatformBook = &platformBook{}
	s.withLetters()
	return s, m, g
}

// ask sends one request and returns the answer.
func ask(s *Server, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r, w := httptest.NewRequest(method, path, strings.NewReader(body)), httptest.NewRecorder()
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	s.Handler().ServeHTTP(w, r)
	return w
}

// read returns the answer in w as a T.
func read[T any](t *testing.T, w *httptest.ResponseRecorder) (v T) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return v
}

var errSecret = errors.New("password is hunter2")
