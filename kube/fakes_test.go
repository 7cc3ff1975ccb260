package kube

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
	"k8s.io/klog/v2"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/runner"
	"github.com/codesaga/codesaga/tracing"
)

func init() { klog.SetSlogLogger(slog.New(slog.DiscardHandler)) } // client-go tells of leases

// task is an ordinary one.
func task() execution.Task {
	return execution.Task{
		Action: execution.Create, ExecutionID: "x1", UserID: "ann", Pool: "default", Language: "python", Attempt: 1, CorrelationID: "c1",
		Program: &execution.Program{Image: "python:3.14", FileName: "main.py", Run: []string{"python3", "main.py"}, Env: []execution.Pair{{Name: "A", Value: "1"}}},
		Input:   &execution.Input{Script: "print(1)", Args: []string{"-v"}, Env: []execution.Pair{{Name: "A", Value: "2"}}},
		Limits: &execution.Limits{
			TimeoutSeconds: 30, CPUMillis: 1000, MemoryBytes: 128 << 20, OutputBytes: 1 << 20, Processes: 64, DiskBytes: 64 << 20,
		},
	}
}

// bus remembers what is durable, and fails as often as it is told to.
type bus struct {
	mu     sync.Mutex
	fail   int
	all    []string // in order: types of events, and chunks as "1:text"
	events []execution.Event
	chunks []execution.Chunk
	trace  string // of what was published last
}

func (b *bus) Publish(ctx context.Context, events ...execution.Event) error {
	return b.note(func() {
		b.trace = tracing.Parent(ctx)
		for _, e := range events {
			b.all = append(b.all, string(e.Type))
			b.events = append(b.events, e)
		}
	})
}

func (b *bus) Output(_ context.Context, chunks ...execution.Chunk) error {
	return b.note(func() {
		for _, c := range chunks {
			b.all = append(b.all, string(rune('0'+c.Number))+":"+string(c.Bytes))
			b.chunks = append(b.chunks, c)
		}
	})
}

func (b *bus) note(do func()) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail > 0 {
		b.fail--
		return errors.New("kafka is away")
	}
	do()
	return nil
}

// stage is a worker in a cluster without nodes: the test does their part.
type stage struct {
	*testing.T
	*Worker
	bus     *bus
	cluster *fake.Clientset

	mu    sync.Mutex
	logs  []*io.PipeWriter // of each follow
	noLog error            // why none can be opened
	react []ktesting.SimpleReactor
	stop  func()
}

// play runs story in a time of its own, with a worker that runs.
func play(t *testing.T, story func(s *stage)) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.run()
		story(s)
		s.stop()
	})
}

func newStage(t *testing.T) *stage {
	s := &stage{T: t, bus: new(bus), cluster: fake.NewClientset()}
	// A node's pod does not go at once, but after its grace.
	s.cluster.PrependReactor("delete", "pods", func(a ktesting.Action) (bool, runtime.Object, error) {
		d := a.(ktesting.DeleteAction)
		if s := d.GetDeleteOptions().GracePeriodSeconds; s != nil && *s == 0 {
			return false, nil, nil
		}
		o, err := s.cluster.Tracker().Get(d.GetResource(), "scripts", d.GetName())
		if err != nil || o.(*corev1.Pod).Spec.NodeName == "" {
			return false, nil, nil
		}
		pod := o.(*corev1.Pod).DeepCopy()
		pod.DeletionTimestamp = new(metav1.Now())
		return true, nil, s.cluster.Tracker().Update(d.GetResource(), pod, "scripts")
	})
	// The fake's own list of reactors must not change while a worker runs.
	s.cluster.PrependReactor("*", "*", func(a ktesting.Action) (bool, runtime.Object, error) {
		s.mu.Lock()
		all := slices.Clone(s.react)
		s.mu.Unlock()
		for _, r := range slices.Backward(all) {
			if r.Handles(a) {
				return r.React(a)
			}
		}
		return false, nil, nil
	})
	s.Worker = s.worker()
	return s
}

// on has react answer verb on resource from now on.
func (s *stage) on(verb, resource string, react ktesting.ReactionFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.react = append(s.react, ktesting.SimpleReactor{Verb: verb, Resource: resource, Reaction: react})
}

// worker is a new one in the same cluster.
func (s *stage) worker() *Worker {
	return &Worker{
		Client: s.cluster, Namespace: "scripts", Bus: s.bus, Settings: Settings{RunnerImage: "codesaga/runner:1"},
		Log: slog.New(slog.DiscardHandler), openLog: s.open,
	}
}

// run starts the worker; stop waits until it has ended.
func (s *stage) run() { s.stop = s.start(s.Worker) }

// start starts w, and returns what waits until it has ended.
func (s *stage) start(w *Worker) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	synctest.Wait()
	return func() {
		cancel()
		if err := <-done; err != nil {
			s.Errorf("Run: %v", err)
		}
	}
}

func (s *stage) open(context.Context, string) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.noLog != nil {
		return nil, s.noLog
	}
	r, w := io.Pipe()
	s.logs = append(s.logs, w)
	return r, nil
}

// noLogs has no log opened from now on because of err; nil: they can be again.
func (s *stage) noLogs(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noLog = err
}

// follows is how many logs were opened, and the last of them.
func (s *stage) follows() (int, *io.PipeWriter) {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.logs) == 0 {
		s.Fatal("no log was opened")
	}
	return len(s.logs), s.logs[len(s.logs)-1]
}

// print writes frames to the last log that was opened.
func (s *stage) print(frames ...runner.Frame) {
	s.Helper()
	_, log := s.follows()
	for _, f := range frames {
		if _, err := f.WriteTo(log); err != nil {
			s.Errorf("nobody reads the log: %v", err)
		}
	}
	synctest.Wait()
}

// cut ends the last log that was opened.
func (s *stage) cut(err error) {
	_, log := s.follows()
	_ = log.CloseWithError(err)
	synctest.Wait()
}

func (s *stage) do(a execution.Action) {
	s.Helper()
	t := task()
	t.Action = a
	if err := s.Do(s.Context(), t); err != nil {
		s.Fatal(err)
	}
	synctest.Wait()
}

// pod is the pod as it is.
func (s *stage) pod() *corev1.Pod {
	s.Helper()
	pod, err := s.cluster.CoreV1().Pods("scripts").Get(s.Context(), "execution-x1", metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return pod
}

// node changes the pod as a node does.
func (s *stage) node(change func(*corev1.Pod)) {
	s.Helper()
	pod := s.pod()
	change(pod)
	if _, err := s.cluster.CoreV1().Pods("scripts").Update(s.Context(), pod, metav1.UpdateOptions{}); err != nil {
		s.Fatal(err)
	}
	synctest.Wait()
}

// gone takes the pod away for good.
func (s *stage) gone() {
	s.Helper()
	err := s.cluster.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("pods"), "scripts", "execution-x1")
	if err != nil {
		s.Error(err)
	}
	synctest.Wait()
}

// tells checks all that was told since the last time.
func (s *stage) tells(want ...string) {
	s.Helper()
	synctest.Wait()
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	if !slices.Equal(s.bus.all, want) {
		s.Errorf("told\n\t%s, want\n\t%s", strings.Join(s.bus.all, " "), strings.Join(want, " "))
	}
	s.bus.all = nil
}

// forget forgets all that was told until now.
func (s *stage) forget() {
	synctest.Wait()
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	s.bus.all = nil
}

// last is the last event that was told.
func (s *stage) last() execution.Event {
	s.Helper()
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	if len(s.bus.events) == 0 {
		s.Fatal("nothing was told")
	}
	return s.bus.events[len(s.bus.events)-1]
}

func (s *stage) nothingLeft() {
	s.Helper()
	pods, err := s.pods().List(context.Background(), metav1.ListOptions{})
	if err != nil || len(pods.Items) != 0 {
		s.Errorf("pods left behind: %v, %v", pods, err)
	}
	jobs, err := s.jobs().List(context.Background(), metav1.ListOptions{})
	if err != nil || len(jobs.Items) != 0 {
		s.Errorf("jobs left behind: %v, %v", jobs, err)
	}
}
