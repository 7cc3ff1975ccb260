package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// temporal is what an operator types: the CLI of Temporal, with the address and
// the namespace of this platform. It returns what was printed, as JSON.
func (s *story) temporal(args ...string) []byte {
	s.Helper()
	args = append(args, "--output", "json", "--namespace", "codesaga-e2e", "--address", os.Getenv("CODESAGA_TEMPORAL_ADDRESS"),
		"--disable-config-file", "--disable-config-env")
	var stderr bytes.Buffer
	cmd := exec.CommandContext(s.ctx, the.temporal, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		s.Fatalf("temporal %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return out
}

// listed are the IDs of the workflows that a query finds.
func (s *story) listed(query string) (ids []string) {
	s.Helper()
	var found []struct {
		Execution struct{ WorkflowID string } `json:"execution"`
	}
	if err := json.Unmarshal(s.temporal("workflow", "list", "--query", query), &found); err != nil {
		s.Fatal(err)
	}
	for _, w := range found {
		ids = append(ids, w.Execution.WorkflowID)
	}
	slices.Sort(ids)
	return ids
}

// described is what Temporal says of a workflow.
func (s *story) described(id string) (status string, historyBytes int64) {
	s.Helper()
	var d struct {
		Info struct {
			Status string `json:"status"`
			Bytes  int64  `json:"historySizeBytes,string"`
		} `json:"workflowExecutionInfo"`
	}
	if err := json.Unmarshal(s.temporal("workflow", "describe", "--workflow-id", id), &d); err != nil {
		s.Fatal(err)
	}
	return strings.TrimPrefix(d.Info.Status, "WORKFLOW_EXECUTION_STATUS_"), d.Info.Bytes
}

// asked is what a saga answers itself.
func (s *story) asked(id string) sagaView {
	s.Helper()
	var answer struct{ QueryResult []sagaView }
	if err := json.Unmarshal(s.temporal("workflow", "query", "--workflow-id", id, "--type", "view"), &answer); err != nil || len(answer.QueryResult) != 1 {
		s.Fatal(err, answer)
	}
	return answer.QueryResult[0]
}

// sleeper submits a script that prints nothing, and returns when it runs.
func (s *story) sleeper(seconds int) string {
	s.Helper()
	sub := python(fmt.Sprintf("import time; time.sleep(%d)", seconds))
	sub.Limits = &limits{Timeout: 200}
	id := s.submit(sub).ID
	eventually(s, 40*time.Second, func() (bool, string) {
		v := s.asked(id)
		return v.CurrentStep == "await_finished", jsonOf(v)
	})
	return id
}

// SA-12: operators find sagas by what they are about, look into them, and stop
// them.
func TestOperatorsFindAndCancelWithTheTemporalCLI(t *testing.T) {
	s := beside(t, 3*time.Minute)
	a, b := s.sleeper(150), s.sleeper(150)
	both := []string{a, b}
	slices.Sort(both)
	among := fmt.Sprintf("WorkflowId IN ('%s', '%s')", a, b)
	for _, query := range []string{
		"CodesagaSagaState = 'running'", "CodesagaStatus = 'running'", "CodesagaUser = '" + s.get(a).UserID + "' AND CodesagaLanguage = 'python'",
		"CodesagaPool = 'default' AND CodesagaPriority = 'normal' AND ExecutionStatus = 'Running'",
	} {
		eventually(t, 10*time.Second, func() (bool, string) {
			ids := s.listed(among + " AND " + query)
			return slices.Equal(ids, both), fmt.Sprintf("%s: %v, want %v", query, ids, both)
		})
	}
	if status, size := s.described(a); status != "RUNNING" || size > 64<<10 {
		t.Errorf("%s, %d bytes", status, size)
	}
	s.temporal("workflow", "cancel", "--workflow-id", a)
	if x := s.ended(a); x.Status != "cancelled" {
		t.Error(x.verdict())
	}
	s.gone(a, 10*time.Second)
	s.temporal("workflow", "cancel", "--query", among+" AND ExecutionStatus = 'Running'", "--reason", "maintenance", "--yes")
	if x := s.ended(b); x.Status != "cancelled" {
		t.Error(x.verdict())
	}
	s.gone(b, 10*time.Second)
	eventually(t, 10*time.Second, func() (bool, string) {
		ids := s.listed(among + " AND ExecutionStatus = 'Canceled'")
		return slices.Equal(ids, both), fmt.Sprint(ids)
	})
}

// A step is done again while it is waited for, which harms nothing: the kube
// worker says once more how the pod stands.
func TestOperatorsRepeatAStepWithTheTemporalCLI(t *testing.T) {
	s := beside(t, 2*time.Minute)
	id := s.sleeper(12)
	for range 2 {
		s.temporal("workflow", "signal", "--workflow-id", id, "--name", "retry_step")
	}
	eventually(t, 10*time.Second, func() (bool, string) {
		v := s.asked(id)
		return v.CurrentStep == "await_finished" && v.attempts("create_pod") >= 2, jsonOf(v)
	})
	s.once(id)
}

// once wants a run to have completed, with one pod.
func (s *story) once(id string) {
	s.Helper()
	if x := s.ended(id); x.verdict() != "completed 0" {
		s.Error(x.verdict())
	}
	s.gone(id, 20*time.Second)
	var pods int
	for _, e := range s.timeline(id) {
		if e.Type == "pod_created" {
			pods++
		}
	}
	if pods != 1 {
		s.Errorf("%s had %d pods", id, pods)
	}
	eventually(s, 20*time.Second, func() (bool, string) {
		status, _ := s.described(id)
		return status == "COMPLETED", status
	})
}

// A saga that is taken back to its beginning does all again that it did. None
// of that has an effect a second time.
func TestOperatorsResetASagaWithTheTemporalCLI(t *testing.T) {
	s := beside(t, 2*time.Minute)
	id := s.sleeper(12)
	s.temporal("workflow", "reset", "--workflow-id", id, "--type", "FirstWorkflowTask", "--reason", "to see")
	eventually(t, 20*time.Second, func() (bool, string) {
		v := s.asked(id)
		return v.CurrentStep == "await_finished", jsonOf(v)
	})
	s.once(id)
	// One that is over does no harm either: its script is not started again.
	s.temporal("workflow", "reset", "--workflow-id", id, "--type", "FirstWorkflowTask", "--reason", "to see")
	eventually(t, 90*time.Second, func() (bool, string) {
		status, _ := s.described(id)
		return status != "RUNNING", status
	})
	if x := s.ended(id); x.verdict() != "completed 0" {
		t.Error(x.verdict())
	}
	s.gone(id, 20*time.Second)
}

// I1, I2, I3: a saga that an operator terminates does nothing more. The sweep
// gives back what it held, and ends its run.
func TestWhatATerminatedSagaLeavesIsSwept(t *testing.T) {
	s := beside(t, 5*time.Minute)
	id := s.sleeper(190)
	s.temporal("workflow", "terminate", "--workflow-id", id, "--reason", "to see")
	s.gone(id, 3*time.Minute)
	x := s.ended(id)
	if x.Status != "error" || deref(x.Reason) != "internal" || x.Message == nil {
		t.Error(jsonOf(x))
	}
	if v := s.saga(id); v.State != "failed" || v.ClosedAt == nil {
		t.Error(jsonOf(v))
	}
}
