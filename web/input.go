package web

import (
	"cmp"
	"context"
	"encoding/base64"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// input is the body of a POST of input: one of data and data_base64, and close,
// or a signal alone.
type input struct {
	Data       *string `json:"data,omitempty"`
	DataBase64 *string `json:"data_base64,omitempty"`
	Close      bool    `json:"close,omitempty"`
	Signal     string  `json:"signal,omitempty"`
}

// feed is b as it is passed on.
func (b input) feed(id string) (f execution.Feed, err error) {
	f = execution.Feed{ID: id, Close: b.Close, Signal: b.Signal}
	switch {
	case b.Data != nil && b.DataBase64 != nil:
		return f, execution.FieldErrors{{Field: "data", Rule: "one of data and data_base64"}}
	case b.Data != nil:
		f.Data = []byte(*b.Data)
	case b.DataBase64 != nil:
		if f.Data, err = base64.StdEncoding.DecodeString(*b.DataBase64); err != nil {
			return f, execution.FieldErrors{{Field: "data_base64", Rule: "base64 (RFC 4648 § 4)"}}
		}
	}
	if len(f.Data) > execution.MaxFeedBytes {
		return f, execution.Errorf(execution.TooLarge, "the input is beyond %d bytes", execution.MaxFeedBytes)
	}
	return f, f.Check()
}

// input passes something on to a script that runs. The answer says that it is
// on its way; sent again under the same key, it arrives once.
func (s *Server) input(c *gin.Context) error {
	var b input
	if err := decode(c, &b, false); err != nil {
		return err
	}
	key, err := idempotencyKey(c.Request.Header)
	if err != nil {
		return err
	}
	feed, err := b.feed(cmp.Or(key, string(execution.NewID())))
	if err != nil {
		return err
	}
	x, err := s.listening(c.Request.Context(), c)
	if err != nil {
		return err
	}
	if !s.pace.allow(c.GetString("user"), time.Now()) {
		return execution.Coded(execution.Exhausted, "too_many_inputs", "send less often, and more at a time")
	}
	if err := s.feedTo(c.Request.Context(), c, x, feed); err != nil {
		return err
	}
	c.JSON(http.StatusAccepted, gin.H{"id": feed.ID})
	return nil
}

// passOn passes f on to the execution that c is about.
func (s *Server) passOn(ctx context.Context, c *gin.Context, f execution.Feed) error {
	x, err := s.listening(ctx, c)
	if err != nil {
		return err
	}
	return s.feedTo(ctx, c, x, f)
}

// listening returns the execution that c is about, if it can be told something.
func (s *Server) listening(ctx context.Context, c *gin.Context) (execution.Execution, error) {
	x, err := s.mine(c)
	if err == nil && x.Interactive {
		x, err = s.begun(ctx, x)
	}
	switch {
	case err != nil:
		return x, err
	case x.Status.Terminal():
		return x, ended(x)
	case !x.Interactive:
		return x, execution.Errorf(execution.Conflict, "execution %s is not interactive", x.ID)
	case x.Status != execution.Running:
		return x, execution.Errorf(execution.Conflict, "execution %s does not run yet: %s", x.ID, x.Status)
	}
	return x, nil
}

// feedTo sends f to x.
func (s *Server) feedTo(ctx context.Context, c *gin.Context, x execution.Execution, f execution.Feed) error {
	return s.Bus.Send(ctx, execution.Task{
		Action: execution.Pass, ExecutionID: x.ID, UserID: x.UserID, Pool: x.Pool, Language: x.Language,
		Attempt: x.Attempt, CorrelationID: correlation(c), Feed: &f,
	})
}

// soonRuns is how long the row of an execution may be behind what its stream
// tells.
const soonRuns = 3 * time.Second

// begun returns x when it runs, if it is about to: who has seen its first output
// may answer it before its row says that it runs.
func (s *Server) begun(ctx context.Context, x execution.Execution) (execution.Execution, error) {
	late := time.Now().Add(soonRuns)
	for x.Status == execution.Scheduled && time.Now().Before(late) {
		select {
		case <-ctx.Done():
			return x, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
		var err error
		if x, err = s.Executions.Get(ctx, x.ID); err != nil {
			return x, err
		}
	}
	return x, nil
}

// pace lets each user do something so many times a second, and at first so many
// at once.
type pace struct {
	mu    sync.Mutex
	users map[string]purse
}

// purse is what a user has left.
type purse struct {
	tokens float64
	at     time.Time
}

const (
	paceRate  = 50.0 // a second
	paceBurst = 200.0
)

// allow takes one of user's tokens, if there is one.
func (p *pace) allow(user string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users == nil {
		p.users = map[string]purse{}
	}
	left := func(u purse) float64 { return min(paceBurst, u.tokens+paceRate*now.Sub(u.at).Seconds()) }
	u, seen := p.users[user]
	if !seen {
		u = purse{tokens: paceBurst, at: now}
		for name, other := range p.users { // those who have all are as good as new
			if left(other) == paceBurst {
				delete(p.users, name)
			}
		}
	}
	u = purse{tokens: left(u), at: now}
	ok := u.tokens >= 1
	if ok {
		u.tokens--
	}
	p.users[user] = u
	return ok
}
