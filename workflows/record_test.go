package workflows

import (
	"strings"
	"testing"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// line is a view in one line: its state, its steps as name(state, attempts), and
// its facts.
func line(v execution.SagaView) string {
	parts := []string{v.State}
	if v.CurrentStep != "" {
		parts = append(parts, "at "+v.CurrentStep)
	}
	if v.FailedStep != "" {
		parts = append(parts, "failed at "+v.FailedStep+": "+v.Error)
	}
	for _, s := range v.Steps {
		if !strings.HasPrefix(s.Name, "tell_") {
			parts = append(parts, s.Name+":"+s.State+strings.Repeat("+", int(s.Attempts)))
		}
	}
	for _, f := range v.Facts {
		parts = append(parts, string(f.Fact))
	}
	return strings.Join(parts, " ")
}

// SA-04: a saga tells where it stands, while it is under way and afterwards.
func TestViewTellsWhereASagaStands(t *testing.T) {
	const running = "request:done+ admit:done+ create_pod:done+ await_started:done+ "
	tries := strings.Repeat("+", 1+resends)
	tests := []struct {
		name  string
		world world
		at    time.Duration
		then  string // at that time
		doing func(*world)
		last  string // when all is over
	}{
		{"it goes well", world{}, 1500 * time.Millisecond, "running at await_finished " + running + "await_finished:running+ started",
			nil, "completed " + running + "await_finished:done+ release:done+ await_stored:done+ delete_pod:done+ started finished stored"},
		{"it waits", world{full: 1}, 10 * time.Second, "created at admit request:done+ admit:running+",
			nil, "completed request:done+ admit:done++ create_pod:done+ await_started:done+ await_finished:done+ release:done+ await_stored:done+ delete_pod:done+ started finished stored"},
		{"it is cancelled", world{reaches: execution.Started}, 10 * time.Second, "running at await_finished " + running + "await_finished:running+ started",
			(*world).cancel, "cancelled request:done+ admit:undone+ create_pod:undone+ await_started:done+ await_finished:failed+ delete_pod:done+ release:done+ started gone"},
		{"nobody answers", world{mute: 1000}, time.Minute - time.Second, "running at await_started request:done+ admit:done+ create_pod:done++ await_started:running++",
			nil, "timeout failed at await_started: the cluster does not answer request:done+ admit:undone+ create_pod:undone" + tries + " await_started:failed" + tries + " delete_pod:done+ release:done+ gone"},
		{"an undo fails", world{mute: 1000, breaks: "DeletePod"}, time.Minute - time.Second, "running at await_started request:done+ admit:done+ create_pod:done++ await_started:running++",
			nil, "failed failed at await_started: the cluster does not answer request:done+ admit:undone+ create_pod:done" + tries + " await_started:failed" + tries + " delete_pod:failed+ release:done+"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &tt.world
			_ = w.execute(t, tt.at, func() {
				if got := line(w.view(t)); got != tt.then {
					t.Errorf("after %s\n got %s\nwant %s", tt.at, got, tt.then)
				}
				if tt.doing != nil {
					tt.doing(w)
				}
			})
			v := w.view(t)
			if got := line(v); got != tt.last {
				t.Errorf("at the end\n got %s\nwant %s", got, tt.last)
			}
			if v.ExecutionID != "x1" || v.UserID != "ann" || v.StartedAt.IsZero() || v.ClosedAt == nil || v.ClosedAt.Before(v.StartedAt) {
				t.Errorf("%+v", v)
			}
			for _, s := range v.Steps {
				if s.StartedAt.IsZero() || s.EndedAt == nil || s.EndedAt.Before(s.StartedAt) || (s.State == "undone") != (s.UndoneAt != nil) || (s.State == "failed") != (s.Error != "") {
					t.Errorf("step %+v", s)
				}
			}
		})
	}
}
