package temporal

import (
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/codesaga/codesaga/activities"
	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/workers"
)

// world is a platform without Kafka, MongoDB and Kubernetes: Temporal is real,
// and so are workflows and activities. What a script does, its language says.
type world struct {
	sagas     Sagas
	schedules Schedules
	namespace string

	mu        sync.Mutex
	rows      map[execution.ID]execution.Execution
	order     []execution.ID // of the rows of batches
	batches   map[string]execution.Batch
	scheduled map[string]execution.Schedule
	events    map[execution.ID][]execution.EventType
	running   map[execution.ID]bool
	most      int // that ran at once
	posts     []execution.CallbackAttempt
	sessions  map[string]execution.ReplayStatus
	looks     map[string]int  // at letters
	ended     map[string]bool // letters
	full      bool
	away      bool // nobody takes tasks
}

var once = sync.OnceValues(func() (*world, error) {
	quiet := log.NewStructuredLogger(slog.New(slog.DiscardHandler))
	o := client.Options{HostPort: os.Getenv("CODESAGA_TEMPORAL_ADDRESS"), Namespace: "test-" + strings.ToLower(rand.Text()[:10]), Logger: quiet}
	c, err := client.Dial(o)
	if err != nil {
		return nil, err
	}
	w := &world{
		sagas: Sagas{c}, schedules: Schedules{c}, namespace: o.Namespace, rows: map[execution.ID]execution.Execution{}, batches: map[string]execution.Batch{},
		scheduled: map[string]execution.Schedule{}, events: map[execution.ID][]execution.EventType{}, running: map[execution.ID]bool{}, sessions: map[string]execution.ReplayStatus{},
		looks: map[string]int{}, ended: map[string]bool{},
	}
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute)
	defer stop()
	if _, err := Setup(ctx, c, o.Namespace, false); err != nil {
		return nil, err
	}
	if err := c.ScheduleClient().GetHandle(ctx, sweepID).Delete(ctx); err != nil { // there is nothing to sweep here
		return nil, err
	}
	ctx, stop = context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- workers.Run(ctx, c, &activities.Activities{Store: w, Ledger: w, Bus: w, Sagas: w.sagas, Schedules: w, Batches: w, Callbacks: w, Replaying: &activities.Replaying{Sessions: w}, Letters: w, LetterPost: w})
	}()
	closing = func() {
		stop()
		<-ended
		_, _ = c.OperatorService().DeleteNamespace(context.Background(), &operatorservice.DeleteNamespaceRequest{Namespace: o.Namespace})
		c.Close()
	}
	return w, nil
})

var closing = func() {}

func TestMain(m *testing.M) {
	code := m.Run()
	closing()
	os.Exit(code)
}

// open returns the one world, with a context that ends before the test has to.
func open(t *testing.T) (*world, context.Context) {
	t.Helper()
	if os.Getenv("CODESAGA_TEMPORAL_ADDRESS") == "" {
		t.Skip("needs Temporal: set CODESAGA_TEMPORAL_ADDRESS, such as 127.0.0.1:7233")
	}
	w, err := once()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(stop)
	return w, ctx
}

// lock is for all that is shared.
func (w *world) lock() (unlock func()) {
	w.mu.Lock()
	return w.mu.Unlock
}

func (w *world) Get(_ context.Context, id execution.ID) (execution.Execution, error) {
	defer w.lock()()
	x, ok := w.rows[id]
	if !ok {
		return x, execution.Errorf(execution.NotFound, "no execution %s", id)
	}
	return x, nil
}

func (w *world) Create(_ context.Context, x execution.Execution) error {
	defer w.lock()()
	if _, there := w.rows[x.ID]; !there {
		w.rows[x.ID] = x
		w.order = append(w.order, x.ID)
	}
	return nil
}

func (w *world) Unfinished(context.Context, time.Time, string, int) ([]execution.Execution, string, error) {
	return nil, "", nil
}

func (w *world) Batch(_ context.Context, id string) (execution.Batch, error) {
	defer w.lock()()
	return w.batches[id], nil
}

func (w *world) BatchItems(_ context.Context, id string, from, limit int) (items []execution.Execution, err error) {
	defer w.lock()()
	for _, one := range w.order {
		if x := w.rows[one]; x.BatchID == id && int(x.BatchIndex) >= from && x.ParentID == "" && len(items) < limit {
			items = append(items, x)
		}
	}
	return items, nil
}

func (w *world) Schedule(_ context.Context, id string) (execution.Schedule, error) {
	defer w.lock()()
	return w.scheduled[id], nil
}

func (w *world) Post(_ context.Context, a execution.CallbackAttempt) (bool, error) {
	defer w.lock()()
	w.posts = append(w.posts, a)
	return true, nil
}

func (w *world) Admit(context.Context, execution.Capacity) (execution.Admission, error) {
	defer w.lock()()
	return execution.Admission{Granted: !w.full, Position: 1}, nil
}

func (w *world) Release(context.Context, execution.ID, string) ([]execution.ID, error) {
	return nil, nil
}

func (w *world) Entries(context.Context, time.Time) ([]execution.Held, error) { return nil, nil }

func (w *world) Mend(context.Context) ([]execution.ID, error) { return nil, nil }

func (w *world) Policy(context.Context, string) (execution.PoolPolicy, error) {
	return execution.PoolPolicy{}, nil
}

func (w *world) Publish(_ context.Context, events ...execution.Event) error {
	defer w.lock()()
	for _, e := range events {
		w.events[e.ExecutionID] = append(w.events[e.ExecutionID], e.Type)
		if x := w.rows[e.ExecutionID]; e.Outcome != nil {
			x.Status = e.Outcome.Status
			w.rows[x.ID] = x
		}
	}
	return nil
}

// Send does what a kube worker would: a script runs until it is deleted, unless
// its language is quick, which takes a moment, or broken, which has no image.
func (w *world) Send(ctx context.Context, t execution.Task) error {
	defer w.lock()()
	if w.away {
		return execution.Errorf(execution.Unavailable, "kafka is away")
	}
	var reports []execution.Report
	switch {
	case t.Action == execution.Delete:
		delete(w.running, t.ExecutionID)
		reports = []execution.Report{{Fact: execution.Gone}}
	case t.Language == "broken":
		reports = []execution.Report{{Fact: execution.Finished, Status: execution.Errored, Reason: "image_pull"}, {Fact: execution.Stored}}
	default:
		w.running[t.ExecutionID] = true
		w.most = max(w.most, len(w.running))
		reports = []execution.Report{{Fact: execution.Started}}
		if t.Language == "quick" {
			reports = append(reports, execution.Report{Fact: execution.Finished, Status: execution.Completed}, execution.Report{Fact: execution.Stored})
		}
	}
	go func() {
		for _, r := range reports {
			time.Sleep(20 * time.Millisecond) // as long as a script may take
			_ = w.sagas.Tell(context.WithoutCancel(ctx), t.ExecutionID, r)
		}
	}()
	return nil
}

// submit starts an execution in a language.
func (w *world) submit(t *testing.T, x execution.Execution) execution.ID {
	t.Helper()
	x = fill(x)
	if err := w.Create(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	if err := w.sagas.Start(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	return x.ID
}

func fill(x execution.Execution) execution.Execution {
	x.ID, x.Attempt, x.Pool, x.Priority, x.Status, x.CreatedAt = execution.NewID(), 1, "default", execution.Normal, execution.Queued, time.Now()
	x.Version, x.CorrelationID, x.Limits = "3.11", string(execution.NewID()), execution.Limits{TimeoutSeconds: 30, CPUMillis: 1000, MemoryBytes: 128 << 20}
	if x.UserID == "" {
		x.UserID = "ann"
	}
	return x
}

// becomes waits for something to become true.
func becomes(t *testing.T, ctx context.Context, what func() (bool, any)) {
	t.Helper()
	for {
		ok, seen := what()
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("at last: %+v", seen)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// state waits until the saga of id is in a state, and returns its view.
func (w *world) state(t *testing.T, ctx context.Context, id execution.ID, want string) (v execution.SagaView) {
	t.Helper()
	becomes(t, ctx, func() (bool, any) {
		var err error
		if v, err = w.sagas.View(ctx, id); err != nil {
			return false, err
		}
		return v.State == want, v
	})
	return v
}
