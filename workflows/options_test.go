package workflows

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/codesaga/codesaga/execution"
)

func TestSleepsUntilItsTime(t *testing.T) {
	in := func(d time.Duration) execution.Brief { return execution.Brief{NotBefore: new(time.Now().Add(d))} }
	w := &world{brief: in(24 * time.Hour)}
	asleep := false
	err := w.execute(t, 23*time.Hour, func() { asleep = len(w.called()) == 1 && w.view(t).CurrentStep == "await_time" })
	if err != nil || !asleep {
		t.Error(asleep, err)
	}
	w.expect(t, success)

	w = &world{brief: in(-time.Hour)}
	if err := w.execute(t, 0, nil); err != nil {
		t.Error(err)
	}
	w.expect(t, success)

	w = &world{brief: in(24 * time.Hour)}
	if err := w.execute(t, time.Hour, w.cancel); !temporal.IsCanceledError(err) {
		t.Errorf("ended with %v, want cancelled", err)
	}
	w.expect(t, begun+"saga_compensating execution_cancelled saga_cancelled")
}

// AD-08: what its pool allows may change while it waits.
func TestWaitsNoLongerThanItsPoolAllows(t *testing.T) {
	tests := []struct {
		name     string
		patience []float64
		full     int
		want     string // between the first Admit and the end
		waited   time.Duration
	}{
		{"once", []float64{20}, 1000, "execution_queued Admit", 20 * time.Second},
		{"it asks meanwhile", []float64{150}, 1000, "execution_queued Admit Admit", 150 * time.Second},
		{"it became less", []float64{3600, 3600, 100}, 1000, "execution_queued Admit Admit", 3 * time.Minute},
		{"it became more", []float64{50, 70}, 1000, "execution_queued Admit Admit", 70 * time.Second},
		{"no bound any more", []float64{50, 0}, 2, "execution_queued Admit Admit", 0},
		{"granted at the last moment", []float64{50}, 1, "execution_queued Admit", 0},
		{"no waiting at all", []float64{0.0001}, 1000, "execution_queued Admit", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &world{patience: tt.patience, full: tt.full}
			err := w.execute(t, 0, nil)
			granted := tt.full < 1000
			if granted {
				w.expect(t, begun+"Admit "+tt.want+" "+strings.TrimPrefix(success, begun+"Admit"))
				return
			}
			w.expect(t, begun+"Admit "+tt.want+" saga_compensating Release execution_error saga_compensated")
			if o := w.ending.Outcome; err == nil || o.Status != execution.Errored || o.Reason != "queue_timeout" || !strings.Contains(o.Message, "seconds") {
				t.Errorf("told %+v, %v", o, err)
			}
			if v := w.view(t); v.State != execution.StateTimeout || v.FailedStep != "admit" || v.ClosedAt.Sub(v.StartedAt).Round(time.Second) < tt.waited {
				t.Errorf("it is said that %+v", v)
			}
		})
	}
}

// A pod that may take long to start is waited for as long.
func TestStartIsWaitedForAsLongAsItMayTake(t *testing.T) {
	w := &world{mute: 1000, deaf: 1000, starts: 10 * time.Minute}
	if err := w.execute(t, 0, nil); err == nil {
		t.Error("the workflow ended well")
	}
	v := w.view(t)
	i := slices.IndexFunc(v.Steps, func(s execution.SagaStep) bool { return s.Name == "await_started" })
	if asked := v.Steps[i].Attempts; v.FailedStep != "await_started" || asked != 12 { // every five minutes of an hour
		t.Errorf("it asked %d times, and gave up at %s", asked, v.FailedStep)
	}
}

// SA-10: the platform fails once; what it may do then.
func TestAutomaticRetry(t *testing.T) {
	again := execution.RetryPolicy{MaxAttempts: 2}
	const (
		second    = "x2:execution_requested+saga_started x2:Admit x2:CreatePod x2:execution_accepted+execution_scheduled x2:started x2:finished x2:Release x2:stored x2:DeletePod x2:saga_completed"
		nodeGone  = sent + "started gone saga_compensating DeletePod Release execution_error "
		imagePull = sent + "finished Release stored DeletePod "
		anew      = "RetryExecution execution_retried "
	)
	noAnswers := sent + unanswered + "saga_compensating DeletePod gone Release execution_error "
	lost := func(w *world) {
		w.change(func() { w.reaches = "" }) // the second time it goes well
		w.report(execution.Report{Fact: execution.Gone})
	}
	tests := []struct {
		name   string
		world  world
		policy execution.RetryPolicy
		after  func(*world)
		want   string
	}{
		{"no image", world{fails: "image_pull"}, again, nil, imagePull + anew + "saga_completed gone " + second},
		{"nobody answers", world{mute: 1 + resends}, again, nil, noAnswers + anew + "saga_compensated " + second},
		{"it was not asked for", world{fails: "image_pull"}, execution.RetryPolicy{}, nil, imagePull + "saga_completed"},
		{"it was the last attempt", world{fails: "image_pull", brief: execution.Brief{Request: execution.Request{Attempt: 2}}}, again, nil, imagePull + "saga_completed"},
		{"the queue is full", world{breaks: "Admit", kind: "exhausted"}, again, nil, begun + "Admit saga_compensating Release execution_error saga_compensated"},
		{"it waited for too long", world{full: 1000, patience: []float64{5}}, again, nil, begun + "Admit execution_queued Admit saga_compensating Release execution_error saga_compensated"},
		{"lost after it had started", world{reaches: execution.Started}, again, lost, nodeGone + "saga_compensated"},
		{"lost, and that was allowed", world{reaches: execution.Started}, execution.RetryPolicy{MaxAttempts: 2, OnLoss: true}, lost, nodeGone + anew + "saga_compensated gone " + second},
		{"the script failed", world{}, again, nil, success},
		{"cancelled", world{full: 1000}, again, (*world).cancel, begun + "Admit execution_queued saga_compensating Release execution_cancelled saga_cancelled"},
		{"cancelled when it had failed", world{fails: "image_pull", onCall: "finished"}, again, nil, sent + "finished saga_compensating Release stored DeletePod saga_completed"},
		{"something was left behind", world{breaks: "Release", mute: 1 + resends}, again, nil, strings.Replace(noAnswers, "Release", "Release Release", 1) + "saga_failed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &tt.world
			w.brief.Retry = tt.policy
			if w.onCall != "" {
				w.then = w.cancel
			}
			w.brief.Awaited = strings.HasSuffix(tt.want, second) // so that the test sees the whole of it
			_ = w.execute(t, 10*time.Second, func() {
				if tt.after != nil {
					tt.after(w)
				}
			})
			w.interleaved(t, tt.want)
		})
	}
}

// Who waits for an execution waits for its retry, and hears how that ended.
func TestRetryCountsForThoseWhoWait(t *testing.T) {
	for name, w := range map[string]*world{
		"the saga completed": {fails: "image_pull"},
		"it was undone":      {mute: 1 + resends},
	} {
		w.brief.Retry, w.brief.Awaited = execution.RetryPolicy{MaxAttempts: 2}, true
		err := w.execute(t, 0, nil)
		var s execution.Status
		if err == nil {
			err = w.env.GetWorkflowResult(&s)
		} else {
			s, err = statusOf("", err), nil
		}
		if s != execution.Failed || err != nil {
			t.Errorf("%s: %s, %v", name, s, err)
		}
	}
}

// A cancellation of the batch reaches the retry.
func TestCancelReachesTheRetryThatIsAwaited(t *testing.T) {
	w := &world{fails: "image_pull", onCall: "x2:started", reaches: execution.Started}
	w.brief.Retry, w.brief.Awaited = execution.RetryPolicy{MaxAttempts: 2}, true
	w.then = w.cancel
	if err := w.execute(t, 0, nil); err != nil {
		t.Error(err)
	}
	var s execution.Status
	if err := w.env.GetWorkflowResult(&s); err != nil || s != execution.Cancelled {
		t.Errorf("%s, %v", s, err)
	}
	if w.ending.ExecutionID != "x2" || w.ending.Outcome.Status != execution.Cancelled {
		t.Errorf("told %+v", w.ending)
	}
}
