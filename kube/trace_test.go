package kube

import (
	"testing"

	"github.com/codesaga/codesaga/tracing"
)

// What is told of a pod is in the trace of the task that made it, also by a
// worker that started since.
func TestFactsAreInTheTraceOfTheirTask(t *testing.T) {
	play(t, func(s *stage) {
		const span = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
		ctx := tracing.Within(s.Context(), span)
		if err := s.Do(ctx, task()); err != nil {
			t.Fatal(err)
		}
		s.tells("pod_created")
		if got := s.bus.trace; got != span {
			t.Errorf("pod_created is in %q", got)
		}
		s.stop()
		s.Worker = s.worker()
		s.run()
		s.forget()
		s.node(scheduled)
		s.tells("pod_scheduled")
		if got := s.bus.trace; got != span {
			t.Errorf("after a restart: %q", got)
		}
	})
}
