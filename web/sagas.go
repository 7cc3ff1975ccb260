package web

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// saga tells where the saga of an execution stands.
func (s *Server) saga(c *gin.Context) error {
	x, err := s.mine(c)
	if err != nil {
		return err
	}
	v, err := s.SagaBook.View(c.Request.Context(), x.ID)
	if execution.KindOf(err) == execution.NotFound {
		return execution.Errorf(execution.NotFound, "the saga of execution %s is not kept any more", x.ID)
	}
	if err != nil {
		return err
	}
	v.ExecutionID, v.UserID = x.ID, x.UserID
	if !s.operator(c) { // what went wrong inside is for those who run it
		v.Error = ""
		v.Steps = slices.Clone(v.Steps)
		for i := range v.Steps {
			v.Steps[i].Error = ""
		}
	}
	c.JSON(http.StatusOK, v)
	return nil
}

// sagas lists sagas, the newest first: the user's, and all to operators.
func (s *Server) sagas(c *gin.Context) error {
	q := query{c: c}
	f := execution.SagaFilter{
		UserID: c.GetString("user"), State: c.Query("state"), ExecutionID: execution.ID(c.Query("execution_id")),
		Limit: q.number("limit", 1, 1000, 100), Cursor: c.Query("cursor"),
	}
	if s.operator(c) {
		f.UserID = c.Query("user_id")
	} else if other := c.Query("user_id"); other != "" && other != f.UserID {
		return execution.Errorf(execution.Forbidden, "only operators see what belongs to others")
	}
	if f.State != "" && !slices.Contains(execution.SagaStates, f.State) {
		q.refuse("state", fmt.Sprintf("one of %v", execution.SagaStates))
	}
	if err := q.err(); err != nil {
		return err
	}
	items, next, err := s.SagaBook.List(c.Request.Context(), f)
	if err != nil {
		return err
	}
	if items == nil {
		items = []execution.SagaSummary{}
	}
	c.JSON(http.StatusOK, gin.H{"items": items, "next_cursor": Text(next)})
	return nil
}

// retryStep lets a saga that waits between two tries of a step try it now.
func (s *Server) retryStep(c *gin.Context) error {
	x, err := s.mine(c)
	if err != nil {
		return err
	}
	err = s.SagaBook.RetryStep(c.Request.Context(), x.ID)
	if execution.KindOf(err) == execution.NotFound {
		return execution.Errorf(execution.Conflict, "the saga of execution %s is over", x.ID)
	}
	if err != nil {
		return err
	}
	s.Log.InfoContext(c.Request.Context(), "step is to be tried again", "execution", x.ID, "user", c.GetString("user"), "correlation_id", correlation(c))
	c.JSON(http.StatusAccepted, gin.H{"execution_id": x.ID})
	return nil
}
