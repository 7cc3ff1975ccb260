package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/codesaga/codesaga/execution"
)

// record is what a saga notes of itself, for those who ask.
type record struct {
	execution.SagaView
	stopped string // the step at which it could not go on
}

// enter notes that a step begins, maybe again; the one before has ended.
func (r *record) enter(name string, at time.Time) {
	r.leave(nil, at)
	i := slices.IndexFunc(r.Steps, func(s execution.SagaStep) bool { return s.Name == name })
	if i < 0 {
		i = len(r.Steps)
		r.Steps = append(r.Steps, execution.SagaStep{Name: name, StartedAt: at})
	}
	s := &r.Steps[i]
	s.Attempts++
	s.State, s.EndedAt, s.Error = "running", nil, ""
	r.CurrentStep = name
}

// leave notes how the step under way ended.
func (r *record) leave(err error, at time.Time) {
	s := r.step(r.CurrentStep)
	if s == nil || s.State != "running" {
		return
	}
	s.State, s.EndedAt = "done", &at
	if err != nil {
		s.State, s.Error = "failed", cause(err)
	}
}

// stop notes where the saga could not go on, and why.
func (r *record) stop(why error, at time.Time) {
	r.leave(why, at)
	if r.stopped == "" {
		r.stopped = r.CurrentStep
	}
	if !temporal.IsCanceledError(why) && r.FailedStep == "" {
		r.FailedStep, r.Error = r.CurrentStep, cause(why)
	}
}

// resume notes that the saga can go on after all.
func (r *record) resume() { r.stopped, r.FailedStep, r.Error = "", "", "" }

// undone notes that nothing is left of a step.
func (r *record) undone(name string, at time.Time) {
	if s := r.step(name); s != nil {
		s.State, s.UndoneAt = "undone", &at
	}
}

// close notes how the saga ended.
func (r *record) close(state string, at time.Time) {
	r.leave(nil, at)
	r.State, r.CurrentStep, r.ClosedAt = state, "", &at
}

func (r *record) step(name string) *execution.SagaStep {
	i := slices.IndexFunc(r.Steps, func(s execution.SagaStep) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &r.Steps[i]
}

// view is a copy that nobody changes.
func (r *record) view() execution.SagaView {
	v := r.SagaView
	v.Steps, v.Facts = slices.Clone(v.Steps), slices.Clone(v.Facts)
	return v
}
