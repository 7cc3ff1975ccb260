package web

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

const (
	submitTimeout = 10 * time.Second // of all that a submission writes
	undoTimeout   = 5 * time.Second  // of taking that back
)

// submit accepts a script. Once it is answered, the execution reaches a
// terminal status: the row is there and its saga is started.
func (s *Server) submit(c *gin.Context) error {
	var b Submission
	if err := decode(c, &b, false); err != nil {
		return err
	}
	x, err := s.executionOf(b, c.GetString("user"))
	key, keyErr := idempotencyKey(c.Request.Header)
	if err != nil || keyErr != nil {
		return add(add(nil, keyErr), err)
	}
	x.CorrelationID = correlation(c)
	// A client that leaves now does not leave the work half done.
	ctx, stop := context.WithTimeout(context.WithoutCancel(c.Request.Context()), submitTimeout)
	defer stop()
	replayed := false
	if key == "" {
		err = s.begin(ctx, x)
	} else {
		x, replayed, err = s.beginOnce(ctx, x, key, b)
	}
	if err != nil {
		return err
	}
	s.Log.Info("execution accepted", "execution", x.ID, "user", x.UserID, "language", x.Language, "replayed", replayed, "correlation_id", x.CorrelationID)
	v, err := s.view(ctx, x)
	if err != nil {
		return err
	}
	if replayed {
		c.Header("Idempotency-Replayed", "true")
	}
	c.Header("Location", pathOf(x.ID))
	c.JSON(http.StatusAccepted, v)
	return nil
}

// pathOf is where an execution is.
func pathOf(id execution.ID) string { return "/api/v1/executions/" + string(id) }

// begin makes x durable and starts its saga, or leaves nothing of it.
func (s *Server) begin(ctx context.Context, x execution.Execution) error {
	err := s.write(ctx, x)
	if err != nil {
		s.undo(ctx, x.ID, func(ctx context.Context) error { return s.Executions.Remove(ctx, x.ID) })
	}
	return err
}

// write is harmless when it was done before.
func (s *Server) write(ctx context.Context, x execution.Execution) error {
	if err := s.Executions.Create(ctx, x); err != nil {
		return notDurable(err)
	}
	return notDurable(s.Sagas.Start(ctx, x))
}

// beginOnce is begin for the first request with key. Another gets what that
// one made, as it is now, and completes what it may have left half done.
func (s *Server) beginOnce(ctx context.Context, x execution.Execution, key string, b Submission) (_ execution.Execution, replayed bool, err error) {
	canonical, err := json.Marshal(b) // maps in the order of their keys
	if err != nil {
		return x, false, err
	}
	holder, replayed, err := s.Keys.Claim(ctx, x.UserID, key, sha256.Sum256(canonical), x.ID)
	switch {
	case err != nil:
		return x, false, notDurable(err)
	case !replayed:
		if err = s.begin(ctx, x); err != nil {
			s.undo(ctx, x.ID, func(ctx context.Context) error { return s.Keys.Unclaim(ctx, x.UserID, key) })
		}
		return x, false, err
	}
	x.ID = holder
	was, err := s.Executions.Get(ctx, holder)
	if err == nil && was.Status.Terminal() {
		return was, true, nil
	}
	if err == nil {
		x = was // the program may have changed since
	}
	if err := s.write(ctx, x); err != nil {
		return x, true, err
	}
	if x, err = s.Executions.Get(ctx, holder); execution.KindOf(err) == execution.NotFound {
		err = execution.Errorf(execution.Unavailable, "the first request with this key failed meanwhile: %w", err)
	}
	return x, true, err
}

// undo does its best to take back what a failed submission wrote, also if that
// failed because time was up.
func (s *Server) undo(ctx context.Context, id execution.ID, do func(context.Context) error) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer stop()
	if err := do(ctx); err != nil {
		s.Log.Error("a failed submission was not taken back", "execution", id, "err", err)
	}
}

// notDurable makes err, unless it has a kind, one after which the client sends
// the request again: nothing is left of it (parity EX-01).
func notDurable(err error) error {
	if execution.KindOf(err) == execution.Internal {
		return execution.Errorf(execution.Unavailable, "the request was not made durable: %w", err)
	}
	return err
}

// idempotencyKey is none if there is no such header.
func idempotencyKey(h http.Header) (string, error) {
	values := h.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	ok := len(values) == 1 && len(values[0]) >= 1 && len(values[0]) <= 255
	for _, b := range []byte(values[0]) {
		ok = ok && b >= '!' && b <= '~'
	}
	if !ok {
		return "", execution.FieldErrors{{Field: "Idempotency-Key", Rule: "1..255 visible ASCII characters"}}
	}
	return values[0], nil
}
