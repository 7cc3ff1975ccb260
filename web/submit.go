package web

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/tracing"
)

const (
	submitTimeout = 10 * time.Second // of all that a submission writes
	undoTimeout   = 5 * time.Second  // of taking that back
)

// A request asks for an execution. It goes through stages, one after the other;
// each refuses it with an error of its own, or notes here what the next need.
type request struct {
	c      *gin.Context
	x      execution.Execution
	key    string   // of idempotency; empty: none
	digest [32]byte // of what was asked for under key
	holder execution.ID
	undo   []func(context.Context) error // what a later stage takes back when it fails
}

// replayed reports whether the request was accepted before, under its key: then
// only what is left of it is done.
func (r *request) replayed() bool { return r.holder != "" }

// A stage is a step between a request and an execution that will run (parity
// AD-16). It has an effect only if it returns nil.
type stage func(context.Context, *request) error

// admission is what stands between who asks and the queue.
func (s *Server) admission() []stage {
	return []stage{s.authorize, s.claim, s.room, s.durable}
}

// submit accepts a script. Once it is answered, the execution reaches a
// terminal status: the row is there and its saga is started.
func (s *Server) submit(c *gin.Context) error {
	var b Submission
	if err := decode(c, &b, false); err != nil {
		return err
	}
	canonical, err := json.Marshal(b) // maps in the order of their keys
	if err != nil {
		return err
	}
	x, err := s.executionOf(b, c.GetString("user"))
	return s.accept(c, x, sha256.Sum256(canonical), err)
}

// accept lets x, which was asked for in words of digest and has what is wrong
// with it in err, through the stages, and answers.
func (s *Server) accept(c *gin.Context, x execution.Execution, digest [32]byte, err error) error {
	key, keyErr := idempotencyKey(c.Request.Header)
	if err != nil || keyErr != nil {
		return refusal(keyErr, err)
	}
	x.CorrelationID, x.Trace = correlation(c), tracing.Parent(c.Request.Context())
	concerns(c.Request.Context(), x)
	r := &request{c: c, x: x, key: key, digest: digest}
	// A client that leaves now does not leave the work half done.
	ctx, stop := context.WithTimeout(context.WithoutCancel(c.Request.Context()), submitTimeout)
	defer stop()
	for _, do := range s.admission() {
		if err := do(ctx, r); err != nil {
			s.takeBack(ctx, r)
			return err
		}
	}
	x = r.x
	if !r.replayed() {
		s.settle(ctx, x)
	}
	if x.ParentID != "" {
		s.tellRetried(ctx, x)
	}
	s.Log.InfoContext(c.Request.Context(), "execution accepted", "execution", x.ID, "user", x.UserID, "language", x.Language, "parent", x.ParentID, "replayed", r.replayed(), "correlation_id", x.CorrelationID)
	v, err := s.view(ctx, x)
	if err != nil {
		return err
	}
	if r.replayed() {
		c.Header("Idempotency-Replayed", "true")
	}
	c.Header("Location", pathOf(x.ID))
	c.JSON(http.StatusAccepted, v)
	return nil
}

// refusal is all that is wrong, if it is with fields.
func refusal(keyErr, err error) error {
	if err != nil && execution.KindOf(err) != execution.Invalid {
		return err
	}
	return add(add(nil, keyErr), err)
}

// pathOf is where an execution is.
func pathOf(id execution.ID) string { return "/api/v1/executions/" + string(id) }

// authorize refuses what needs the rights of an operator.
func (s *Server) authorize(_ context.Context, r *request) error {
	return s.mayAsk(r.c.GetString("user"), r.x)
}

// mayAsk refuses x if it needs a right that user has not.
func (s *Server) mayAsk(user string, x execution.Execution) error {
	if x.Priority.Level() < execution.Normal.Level() && !s.isOperator(user) {
		return execution.Errorf(execution.Forbidden, "the priority %s is for operators", x.Priority)
	}
	return nil
}

// claim takes the key, or finds that it was taken for the same before.
func (s *Server) claim(ctx context.Context, r *request) error {
	if r.key == "" {
		return nil
	}
	user := r.c.GetString("user") // not the owner: an operator may ask, too
	holder, replayed, err := s.Keys.Claim(ctx, user, r.key, r.digest, r.x.ID)
	switch {
	case err != nil:
		return notDurable(err)
	case replayed:
		r.holder = holder
	default:
		r.undo = append(r.undo, func(ctx context.Context) error { return s.Keys.Unclaim(ctx, user, r.key) })
	}
	return nil
}

// takeKey claims key, if there is one, for what is to get id. If it was claimed
// for the same before, id becomes what that got. back gives the key back, when
// nothing comes of it.
func (s *Server) takeKey(ctx context.Context, user, key string, digest [32]byte, id *string) (replayed bool, back func(), err error) {
	back = func() {}
	if key == "" {
		return false, back, nil
	}
	holder, replayed, err := s.Keys.Claim(ctx, user, key, digest, execution.ID(*id))
	if err != nil {
		return false, back, notDurable(err)
	}
	if *id = string(holder); !replayed {
		back = func() {
			s.giveBack(ctx, string(holder), func(ctx context.Context) error { return s.Keys.Unclaim(ctx, user, key) })
		}
	}
	return replayed, back, nil
}

// room refuses what the queue would not take. What was accepted is in it.
func (s *Server) room(ctx context.Context, r *request) error {
	if r.replayed() {
		return nil
	}
	return notDurable(s.Queue.Check(ctx, execution.CapacityOf(r.x)))
}

// durable writes the row and starts the saga. Of a request that was accepted
// before it completes what may have been left half done.
func (s *Server) durable(ctx context.Context, r *request) error {
	if !r.replayed() {
		r.undo = append(r.undo, func(ctx context.Context) error { return s.Executions.Remove(ctx, r.x.ID) })
		return s.write(ctx, r.x)
	}
	r.x.ID = r.holder
	was, err := s.Executions.Get(ctx, r.holder)
	if err == nil {
		r.x = was // the program may have changed since
	}
	if err == nil && was.Status.Terminal() {
		return nil
	}
	if err := s.write(ctx, r.x); err != nil {
		return err
	}
	if r.x, err = s.Executions.Get(ctx, r.holder); execution.KindOf(err) == execution.NotFound {
		err = execution.Errorf(execution.Unavailable, "the first request with this key failed meanwhile: %w", err)
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

// takeBack does its best to take back what a failed request wrote, the last
// first, also if it failed because time was up.
func (s *Server) takeBack(ctx context.Context, r *request) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer stop()
	for _, undo := range slices.Backward(r.undo) {
		if err := undo(ctx); err != nil {
			s.Log.Error("a failed submission was not taken back", "execution", r.x.ID, "err", err)
		}
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
	if len(values) > 1 || !validKey(values[0]) {
		return "", execution.FieldErrors{{Field: "Idempotency-Key", Rule: keyRule}}
	}
	return values[0], nil
}

const keyRule = "1..255 visible ASCII characters"

// validKey reports whether key keeps to that rule.
func validKey(key string) bool {
	ok := len(key) >= 1 && len(key) <= 255
	for _, b := range []byte(key) {
		ok = ok && b >= '!' && b <= '~'
	}
	return ok
}
