package workflows

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/codesaga/codesaga/execution"
)

// The stretches that most stories share.
const (
	begun   = "execution_requested+saga_started "
	sent    = begun + "Admit CreatePod execution_accepted+execution_scheduled "
	ending  = "started finished Release stored DeletePod saga_completed"
	success = sent + ending
)

// The capacity is free when the script has ended, the pod goes when the result
// is stored.
func TestSuccess(t *testing.T) {
	w := &world{}
	if err := w.execute(t, 0, nil); err != nil {
		t.Error(err)
	}
	w.expect(t, success)
}

func TestWaitsInTheQueueUntilGranted(t *testing.T) {
	w := &world{full: 1}
	grant := func() { w.env.SignalWorkflow(GrantSignal, nil) }
	if err := w.execute(t, 5*time.Second, grant); err != nil {
		t.Error(err)
	}
	w.expect(t, begun+"Admit execution_queued Admit CreatePod execution_accepted+execution_scheduled "+ending)
}

// A grant that comes while Admit says "wait" must not be lost.
func TestGrantDuringAdmitIsHeard(t *testing.T) {
	w := &world{full: 1, onCall: "Admit"}
	w.then = func() { w.env.SignalWorkflow(GrantSignal, nil) }
	late := false
	if err := w.execute(t, 30*time.Second, func() { late = true }); err != nil {
		t.Error(err)
	}
	w.expect(t, begun+"Admit execution_queued Admit CreatePod execution_accepted+execution_scheduled "+ending)
	if late {
		t.Error("it waited for the timer")
	}
}

func TestAsksAgainWhenTheGrantIsLost(t *testing.T) {
	w := &world{full: 3}
	if err := w.execute(t, 0, nil); err != nil {
		t.Error(err)
	}
	w.expect(t, begun+"Admit execution_queued Admit Admit Admit CreatePod execution_accepted+execution_scheduled "+ending)
}

func TestSendsTheTaskAgainWhenTheAnswerIsLost(t *testing.T) {
	w := &world{mute: 2}
	if err := w.execute(t, 0, nil); err != nil {
		t.Error(err)
	}
	w.expect(t, sent+"CreatePod CreatePod "+ending)
	if len(w.notAfter) != 1 {
		t.Errorf("tasks of one run become void at %d times", len(w.notAfter))
	}
}

// resends is how often a task is sent again until a run gives up because nobody
// is there: three times soon, then each after twice the pause, and then every
// five minutes until an hour is over.
const resends = 3 + 4 + 10

var unanswered = strings.Repeat("CreatePod ", 3) + "pod_waiting " + strings.Repeat("CreatePod ", resends-3)

// AD-17: kube workers may be away for most of an hour. Whoever comes back finds a
// task that is not void, also if it reads from where it ended.
func TestAbsenceOfKubeWorkersIsWaitedOut(t *testing.T) {
	w := &world{mute: 1000}
	err := w.execute(t, 58*time.Minute, func() {
		w.change(func() {
			if last := w.notAfter[len(w.notAfter)-1]; !last.After(w.env.Now()) {
				t.Errorf("at %s there was only a task that is void since %s", w.env.Now(), last)
			}
			w.mute = 0
		})
	})
	if err != nil {
		t.Error(err)
	}
	w.expect(t, sent+unanswered+ending)

	w = &world{reaches: execution.Started, onCall: "started", then: nil}
	err = w.execute(t, 50*time.Minute, func() {
		w.report(execution.Report{Fact: execution.Finished})
		w.report(execution.Report{Fact: execution.Stored})
	})
	if err == nil {
		t.Error("somebody answered, and never told of the end, and was waited for all the same")
	}
}

func TestPodWaitsForTheResult(t *testing.T) {
	late := &world{storing: 23 * time.Hour}
	if err := late.execute(t, 0, nil); err != nil {
		t.Error(err)
	}
	late.expect(t, success)

	never := &world{reaches: execution.Finished}
	if err := never.execute(t, 0, nil); err == nil {
		t.Error("the workflow ended well")
	}
	never.expect(t, sent+"started finished Release saga_failed")
}

// What is owed is done however often it fails: the ordinary activity comes
// after the local one.
func TestWhatIsOwedIsTriedForADay(t *testing.T) {
	w := &world{breaks: "DeletePod"}
	if err := w.execute(t, 0, nil); err == nil {
		t.Error("the workflow ended well")
	}
	w.expect(t, sent+"started finished Release stored DeletePod DeletePod saga_failed")
}

func TestCancelInTheQueueJustLeaves(t *testing.T) {
	w := &world{full: 1000}
	if err := w.execute(t, 10*time.Second, w.cancel); !temporal.IsCanceledError(err) {
		t.Errorf("ended with %v, want cancelled", err)
	}
	w.expect(t, begun+"Admit execution_queued saga_compensating Release execution_cancelled saga_cancelled")
}

func TestCancelReleasesWhenThePodIsGone(t *testing.T) {
	tests := []struct {
		name string
		deaf int
		want string
	}{
		{"at once", 0, "DeletePod gone Release execution_cancelled saga_cancelled"},
		{"the answer is lost", 2, "DeletePod DeletePod DeletePod gone Release execution_cancelled saga_cancelled"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &world{reaches: execution.Started, deaf: tt.deaf}
			if err := w.execute(t, 10*time.Second, w.cancel); !temporal.IsCanceledError(err) {
				t.Errorf("ended with %v, want cancelled", err)
			}
			w.expect(t, sent+"started saga_compensating "+tt.want)
			o, u, out := w.ending.Outcome, w.ending.Usage, w.ending.Output
			if o.Status != execution.Cancelled || o.ExitCode == nil || *o.ExitCode != 143 || u == nil || u.CPUSeconds != 0.5 || out == nil || out.Chunks != 7 {
				t.Errorf("told %+v, %+v, %+v", o, u, out)
			}
		})
	}
}

// Wherever a cancellation comes, what was taken is given back and an ending is
// announced, or the script was faster.
func TestCancelAtEachStep(t *testing.T) {
	tests := []struct{ at, want string }{
		{"execution_requested+saga_started", begun + "saga_compensating execution_cancelled saga_cancelled"},
		{"Admit", begun + "Admit saga_compensating Release execution_cancelled saga_cancelled"},
		{"CreatePod", begun + "Admit CreatePod saga_compensating DeletePod started gone Release execution_cancelled saga_cancelled"},
		{"execution_accepted+execution_scheduled", sent + "saga_compensating DeletePod started gone Release execution_cancelled saga_cancelled"},
		{"started", sent + "started saga_compensating DeletePod gone Release execution_cancelled saga_cancelled"},
		{"finished", sent + "started finished saga_compensating Release stored DeletePod saga_completed"},
		{"Release", success},
		{"stored", success},
		{"DeletePod", success},
		{"saga_completed", success},
	}
	for _, tt := range tests {
		t.Run(tt.at, func(t *testing.T) {
			w := &world{onCall: tt.at}
			if strings.Contains(tt.want, "execution_cancelled") {
				w.reaches = execution.Started
			}
			w.then = w.cancel
			_ = w.execute(t, 0, nil)
			w.expect(t, tt.want)
		})
	}
}

// A local activity that is cancelled is not waited for: its step has to be.
func TestDeletePodDoesNotOvertakeCreatePod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{reaches: execution.Started}
		w.during = func() {
			w.cancel()
			time.Sleep(time.Second) // whoever does not wait is faster
		}
		if err := w.execute(t, 0, nil); !temporal.IsCanceledError(err) {
			t.Errorf("ended with %v, want cancelled", err)
		}
		w.expect(t, begun+"Admit CreatePod saga_compensating DeletePod started gone Release execution_cancelled saga_cancelled")
	})
}

// Who ended first has ended it: there is a result, and it is kept.
func TestScriptEndsWhileItIsCancelled(t *testing.T) {
	w := &world{reaches: execution.Started}
	both := func() {
		w.cancel()
		w.report(execution.Report{Fact: execution.Finished})
		w.after(time.Minute, "x1", execution.Report{Fact: execution.Stored})
	}
	if err := w.execute(t, 10*time.Second, both); err != nil {
		t.Error(err)
	}
	w.expect(t, sent+"started finished saga_compensating Release stored DeletePod saga_completed")
}

// The same, but the ending is heard of while the pod is being removed.
func TestScriptEndsWhileItIsUndone(t *testing.T) {
	w := &world{reaches: execution.Started, onCall: "DeletePod"}
	w.then = func() {
		w.after(time.Second, "x1", execution.Report{Fact: execution.Finished})
		w.after(time.Minute, "x1", execution.Report{Fact: execution.Stored})
	}
	if err := w.execute(t, 10*time.Second, w.cancel); err != nil {
		t.Error(err)
	}
	w.expect(t, sent+"started saga_compensating DeletePod finished gone Release Release stored DeletePod saga_completed")
}

// Whichever step breaks, everything taken is given back, last first, and an
// ending is announced.
func TestPlatformFailureIsUndone(t *testing.T) {
	undone := "saga_compensating DeletePod gone Release execution_error saga_compensated"
	resent := sent + unanswered
	tests := []struct {
		name string
		world
		want, reason, step string
	}{
		{"the first event cannot be told", world{breaks: "execution_requested+saga_started"},
			begun + "saga_compensating execution_error saga_compensated", "internal", "request"},
		{"admission breaks", world{breaks: "Admit"}, begun + "Admit saga_compensating Release execution_error saga_compensated", "internal", "admit"},
		{"the queue is full", world{breaks: "Admit", kind: "exhausted"}, begun + "Admit saga_compensating Release execution_error saga_compensated", "rejected", "admit"},
		{"it never fits its pool", world{breaks: "Admit", kind: "invalid"}, begun + "Admit saga_compensating Release execution_error saga_compensated", "rejected", "admit"},
		{"the task cannot be sent", world{breaks: "CreatePod", mute: 1}, begun + "Admit CreatePod " + undone, "internal", "create_pod"},
		{"the schedule cannot be told", world{breaks: "execution_accepted+execution_scheduled", mute: 1}, sent + undone, "internal", "create_pod"},
		{"no create is answered", world{mute: 1000}, resent + undone, "internal", "await_started"},
		{"nothing is answered", world{mute: 1000, deaf: 1000},
			resent + "saga_compensating DeletePod DeletePod DeletePod DeletePod Release execution_error saga_failed", "internal", "await_started"},
		{"an undo breaks, the other does not", world{mute: 1000, breaks: "DeletePod"},
			resent + "saga_compensating DeletePod DeletePod Release execution_error saga_failed", "internal", "await_started"},
		{"the script's end is never told", world{reaches: execution.Started},
			sent + "started CreatePod started CreatePod started CreatePod started " + undone, "internal", "await_finished"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &tt.world
			if err := w.execute(t, 0, nil); err == nil {
				t.Error("the workflow ended well")
			}
			w.expect(t, tt.want)
			if got := w.ending.Outcome; got.Status != execution.Errored || got.Reason != tt.reason {
				t.Errorf("told %+v, want %s", got, tt.reason)
			}
			if s := w.failed.Saga; s == nil || s.Step != tt.step || s.Cause == "" {
				t.Errorf("the saga failed at %+v, want %s", s, tt.step)
			}
		})
	}
}

func TestPodThatVanishesIsAnError(t *testing.T) {
	w := &world{reaches: execution.Started}
	vanish := func() { w.report(execution.Report{Fact: execution.Gone}) }
	if err := w.execute(t, 10*time.Second, vanish); err == nil {
		t.Error("the workflow ended well")
	}
	w.expect(t, sent+"started gone saga_compensating DeletePod Release execution_error saga_compensated")
	if got := w.ending.Outcome; got.Reason != "node_lost" {
		t.Errorf("told %+v", got)
	}
}

// A healthy run of the longest timeout is never taken for lost.
func TestLongRunIsLeftAlone(t *testing.T) {
	w := &world{reaches: execution.Started}
	err := w.execute(t, 61*time.Second, func() {
		w.report(execution.Report{Fact: execution.Finished})
		w.report(execution.Report{Fact: execution.Stored})
	})
	if err != nil {
		t.Error(err)
	}
	if got := fmt.Sprint(w.calls); strings.Count(got, "CreatePod") != 1 || strings.Contains(got, "compensating") {
		t.Error(got)
	}
}
