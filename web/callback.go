package web

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// Callbacks is the log of what was told to callbacks.
type Callbacks interface {
	Deliveries(context.Context, execution.ID) ([]execution.Delivery, error) // the oldest first
}

// Deliverer tells callbacks.
type Deliverer interface {
	// StartCallback begins the delivery n of the end of an execution: 1 comes by
	// itself, more are asked for. Nothing if that was begun before.
	StartCallback(ctx context.Context, id execution.ID, n int) error
	// HurryCallback has a delivery that waits for its next attempt make it now.
	// NotFound when it is over.
	HurryCallback(ctx context.Context, id execution.ID, n int) error
}

// deliveryView is an attempt as clients get it.
type deliveryView struct {
	Number     int                       `json:"number"`   // from 1
	Delivery   int                       `json:"delivery"` // 1 of the one that comes by itself, more of those that were asked for
	At         time.Time                 `json:"at"`
	Seconds    float64                   `json:"seconds"`
	StatusCode *int32                    `json:"status_code"` // nil: there was no answer
	Failure    execution.DeliveryFailure `json:"failure"`     // empty: it was delivered
}

// callback returns what was told to the callback of an execution, the oldest
// first.
func (s *Server) callback(c *gin.Context) error {
	x, err := s.mine(c)
	if err != nil {
		return err
	}
	log, err := s.Callbacks.Deliveries(c.Request.Context(), x.ID)
	if err != nil {
		return err
	}
	items := make([]deliveryView, len(log))
	for i, d := range log {
		items[i] = deliveryView{Number: i + 1, Delivery: d.Delivery, At: d.At, Seconds: d.Seconds, Failure: d.Failure}
		if d.StatusCode != 0 {
			items[i].StatusCode = &d.StatusCode
		}
	}
	c.JSON(http.StatusOK, gin.H{"url": Text(x.CallbackURL), "state": Text(callbackState(x, log)), "items": items})
	return nil
}

// callbackState is where the callback of x is, in a word: nothing if there is
// none.
func callbackState(x execution.Execution, log []execution.Delivery) string {
	switch {
	case x.CallbackURL == "":
		return ""
	case len(log) == 0:
		return "pending"
	}
	switch last := log[len(log)-1]; {
	case last.Failure == "":
		return "delivered"
	case last.Failure == execution.SwitchedOff:
		return "switched_off"
	case last.Last:
		return "failed"
	default:
		return "retrying"
	}
}

// redeliver tells the callback of an execution again, or now if that is still
// tried.
func (s *Server) redeliver(c *gin.Context) error {
	ctx := c.Request.Context()
	x, err := s.mine(c)
	switch {
	case err != nil:
		return err
	case x.CallbackURL == "":
		return execution.Errorf(execution.Conflict, "execution %s has no callback_url", x.ID)
	case !x.Status.Terminal():
		return execution.Errorf(execution.Conflict, "execution %s has not ended: %s", x.ID, x.Status)
	}
	log, err := s.Callbacks.Deliveries(ctx, x.ID)
	if err != nil {
		return err
	}
	n, err := s.deliver(ctx, x, log)
	if err != nil {
		return err
	}
	s.Log.InfoContext(c.Request.Context(), "callback asked for", "execution", x.ID, "delivery", n, "user", c.GetString("user"), "correlation_id", correlation(c))
	c.JSON(http.StatusAccepted, gin.H{"delivery": n})
	return nil
}

// deliver makes the delivery that is under way try now, or begins the next, and
// returns which one that is.
func (s *Server) deliver(ctx context.Context, x execution.Execution, log []execution.Delivery) (n int, err error) {
	for _, d := range log {
		n = max(n, d.Delivery)
	}
	if callbackState(x, log) == "retrying" {
		if err := s.Deliverer.HurryCallback(ctx, x.ID, n); execution.KindOf(err) != execution.NotFound {
			return n, err
		}
	}
	return n + 1, s.Deliverer.StartCallback(ctx, x.ID, n+1)
}

// CallbackBody is what the callback of x, which has ended, is told: the
// execution as lists have it, without what it printed.
func CallbackBody(x execution.Execution) ([]byte, error) {
	v := row(x)
	if v.Result != nil {
		v.Result.Artifacts = artifactsOf(x)
	}
	return json.Marshal(struct {
		Type string    `json:"type"`
		At   time.Time `json:"timestamp"`
		Data View      `json:"data"`
	}{"execution.finished", x.StoredAt, v})
}
