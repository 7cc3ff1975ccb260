package web

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// retry accepts an execution that has ended once more, as another one of the
// same owner.
func (s *Server) retry(c *gin.Context) error {
	was, err := s.mine(c)
	if err != nil {
		return err
	}
	if !was.Status.Terminal() {
		return execution.Errorf(execution.Conflict, "execution %s has not ended: %s", was.ID, was.Status)
	}
	x, err := s.again(was, c.GetString("user"))
	return s.accept(c, x, sha256.Sum256([]byte("retry "+was.ID)), err)
}

// tellTimeout is what telling of a retry may add to its answer.
const tellTimeout = 2 * time.Second

// tellRetried tells those who look at the original that x takes its place. It is
// a courtesy: x has the original in its row.
func (s *Server) tellRetried(ctx context.Context, x execution.Execution) {
	e := execution.NewEvent(x.ParentID, x.UserID, execution.SourceWeb, execution.ExecutionRetried, x.CreatedAt)
	e.ID += "/" + string(x.ID)
	e.Saga, e.CorrelationID = &execution.Saga{Cause: string(x.ID)}, x.CorrelationID
	ctx, stop := context.WithTimeout(ctx, tellTimeout)
	defer stop()
	if err := s.Bus.Publish(ctx, e); err != nil {
		s.Log.Warn("a retry is not in the timeline of the original", "execution", x.ParentID, "retry", x.ID, "err", err)
	}
}

// again is the retry of was that user asks for: what the owner gave, run as the
// language is run now. What is not allowed any more is a FieldErrors.
func (s *Server) again(was execution.Execution, user string) (x execution.Execution, err error) {
	l, v, err := s.Languages.Find(was.Language, was.Version)
	wrong := add(nil, err)
	limits, err := s.Bounds.Apply(was.Limits, l.Limits)
	wrong = add(wrong, err)
	x = was.Again(execution.NewID(), time.Now())
	x.Program, x.Limits = l.Program(v, s.LocalImages, was.Program.FileName), limits
	x.ScheduleID, x.BatchID, x.BatchIndex = "", "", 0 // those have counted it already
	if s.mayAsk(user, x) != nil {                     // an operator had made it more urgent
		x.Priority = execution.Normal
	}
	if wrong = add(wrong, s.check(x)); len(wrong) > 0 {
		return x, wrong
	}
	return x, nil
}
