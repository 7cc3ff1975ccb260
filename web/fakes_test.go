package web

import (
	"context"
	"sync"

	"github.com/codesaga/codesaga/execution"
)

// queue is a ledger with one pool, and fails with err.
type queue struct {
	mu      sync.Mutex
	place   *execution.Queue
	policy  execution.PoolPolicy
	granted []execution.ID
	moved   execution.Priority
	asked   []execution.Capacity
	err     error
}

func (q *queue) Check(_ context.Context, c execution.Capacity) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asked = append(q.asked, c)
	return q.err
}

func (q *queue) Place(context.Context, execution.ID, string) (*execution.Queue, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.place, nil
}

func (q *queue) Move(_ context.Context, _ execution.ID, _ string, p execution.Priority) ([]execution.ID, error) {
	q.moved = p
	return q.granted, q.err
}

func (q *queue) Status(context.Context) ([]execution.PoolStatus, error) {
	return []execution.PoolStatus{{Pool: "default", Policy: q.policy}}, q.err
}

func (q *queue) Policy(context.Context, string) (execution.PoolPolicy, error) { return q.policy, q.err }

func (q *queue) SetPolicy(_ context.Context, _ string, change func(*execution.PoolPolicy) error) ([]execution.ID, error) {
	p := q.policy
	if err := change(&p); err != nil {
		return nil, err
	}
	if p.Executions < 1 || p.Executions > 1000 {
		return nil, execution.FieldErrors{{Field: "max_executions", Rule: "1..1000"}}
	}
	q.policy = p
	return q.granted, q.err
}

// bus keeps what was sent.
type bus struct {
	tasks  []execution.Task
	events []execution.Event
	err    error
}

func (b *bus) Send(_ context.Context, t execution.Task) error {
	b.tasks = append(b.tasks, t)
	return b.err
}

func (b *bus) Publish(_ context.Context, events ...execution.Event) error {
	b.events = append(b.events, events...)
	return b.err
}

// book has one saga, of x1.
type book struct {
	filter execution.SagaFilter
	err    error
}

func (b *book) View(_ context.Context, id execution.ID) (execution.SagaView, error) {
	return execution.SagaView{
		ExecutionID: id, State: execution.StateFailed, FailedStep: "admit", Error: "hunter2",
		Steps: []execution.SagaStep{{Name: "admit", State: "failed", Attempts: 2, Error: "hunter2"}},
	}, b.err
}

func (b *book) List(_ context.Context, f execution.SagaFilter) ([]execution.SagaSummary, string, error) {
	b.filter = f
	return nil, "next", b.err
}

func (b *book) RetryStep(context.Context, execution.ID) error { return b.err }
