package web

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// queueStatus tells how all pools stand.
func (s *Server) queueStatus(c *gin.Context) error {
	pools, err := s.Policies.Status(c.Request.Context())
	if err != nil {
		return err
	}
	if pools == nil {
		pools = []execution.PoolStatus{}
	}
	c.JSON(http.StatusOK, gin.H{"pools": pools})
	return nil
}

// setPolicy replaces the policy of a pool.
func (s *Server) setPolicy(c *gin.Context) error { return s.decodePolicy(c, true) }

// patchPolicy replaces those parts of it that are in the body.
func (s *Server) patchPolicy(c *gin.Context) error { return s.decodePolicy(c, false) }

func (s *Server) decodePolicy(c *gin.Context, whole bool) error {
	var body json.RawMessage
	if err := decode(c, &body, false); err != nil {
		return err
	}
	if err := strict(body, &execution.PoolPolicy{}); err != nil {
		return err
	}
	return s.changePolicy(c, func(p *execution.PoolPolicy) error {
		next := execution.PoolPolicy{}
		if !whole { // a copy, for json writes into slices that are there
			next = *p
			next.PausedLanguages, next.Weights = slices.Clone(p.PausedLanguages), slices.Clone(p.Weights)
		}
		if err := json.Unmarshal(body, &next); err != nil {
			return err
		}
		*p = next
		return nil
	})
}

// changePolicy changes that of the pool that c is about, and answers with it.
func (s *Server) changePolicy(c *gin.Context, change func(*execution.PoolPolicy) error) error {
	pool, ctx := c.Param("pool"), c.Request.Context()
	if !slices.Contains(s.Pools, pool) {
		return execution.Errorf(execution.NotFound, "no pool %q", pool)
	}
	if err := s.change(ctx, pool, change); err != nil {
		return err
	}
	p, err := s.Policies.Policy(ctx, pool)
	if err != nil {
		return err
	}
	s.Log.InfoContext(c.Request.Context(), "policy of a pool changed", "pool", pool, "user", c.GetString("user"), "policy", p, "correlation_id", correlation(c))
	c.JSON(http.StatusOK, gin.H{"pool": pool, "policy": p})
	return nil
}

func (s *Server) change(ctx context.Context, pool string, change func(*execution.PoolPolicy) error) error {
	granted, err := s.Policies.SetPolicy(ctx, pool, change)
	if err != nil {
		return err
	}
	s.policies.forget()
	s.wake(ctx, granted)
	return nil
}

// wake tells those who have got capacity. Who does not hear of it asks again by
// itself.
func (s *Server) wake(ctx context.Context, granted []execution.ID) {
	for _, id := range granted {
		if err := s.Sagas.Wake(ctx, id); err != nil && execution.KindOf(err) != execution.NotFound {
			s.Log.Warn("a saga was not told that it has capacity", "execution", id, "err", err)
		}
	}
}

// pausing returns what pauses or resumes a pool, or one language in it, as the
// body of c says. Who runs goes on: a pause is also how a pool is drained.
func (s *Server) pausing(c *gin.Context, paused bool) (func(*execution.PoolPolicy) error, error) {
	var b struct {
		Language string `json:"language"`
	}
	if err := decode(c, &b, true); err != nil {
		return nil, err
	}
	if b.Language == "" {
		return func(p *execution.PoolPolicy) error { p.Paused = paused; return nil }, nil
	}
	l, _, err := s.Languages.Find(b.Language, "")
	if err != nil {
		return nil, err
	}
	return func(p *execution.PoolPolicy) error {
		p.PausedLanguages = slices.DeleteFunc(slices.Clone(p.PausedLanguages), func(id string) bool { return id == l.ID })
		if paused {
			p.PausedLanguages = append(p.PausedLanguages, l.ID)
			slices.Sort(p.PausedLanguages)
		}
		return nil
	}, nil
}

func (s *Server) pause(c *gin.Context) error  { return s.setPaused(c, true) }
func (s *Server) resume(c *gin.Context) error { return s.setPaused(c, false) }

func (s *Server) setPaused(c *gin.Context, paused bool) error {
	change, err := s.pausing(c, paused)
	if err != nil {
		return err
	}
	return s.changePolicy(c, change)
}

func (s *Server) pauseAll(c *gin.Context) error  { return s.setAllPaused(c, true) }
func (s *Server) resumeAll(c *gin.Context) error { return s.setAllPaused(c, false) }

func (s *Server) setAllPaused(c *gin.Context, paused bool) error {
	change, err := s.pausing(c, paused)
	if err != nil {
		return err
	}
	for _, pool := range s.Pools {
		if err := s.change(c.Request.Context(), pool, change); err != nil {
			return err
		}
	}
	s.Log.InfoContext(c.Request.Context(), "all pools changed", "paused", paused, "user", c.GetString("user"), "correlation_id", correlation(c))
	return s.queueStatus(c)
}

// setPriority moves an execution that waits.
func (s *Server) setPriority(c *gin.Context) error {
	ctx := c.Request.Context()
	var b struct {
		Priority execution.Priority `json:"priority"`
	}
	if err := decode(c, &b, false); err != nil {
		return err
	}
	if b.Priority.Level() == 0 {
		return execution.FieldErrors{{Field: "priority", Rule: "one of critical, high, normal, low, background"}}
	}
	x, err := s.waiting(c)
	if err != nil {
		return err
	}
	granted, err := s.Queue.Move(ctx, x.ID, x.Pool, b.Priority)
	if err != nil {
		return err
	}
	s.wake(ctx, granted)
	if err := s.Marks.SetPriority(ctx, x.ID, b.Priority); err != nil && execution.KindOf(err) != execution.Conflict { // it got its capacity by this
		return err
	}
	x.Priority = b.Priority
	if err := s.Bus.Publish(ctx, reprioritised(x, c.GetString("user"), time.Now())); err != nil {
		return err
	}
	s.Log.InfoContext(c.Request.Context(), "priority changed", "execution", x.ID, "priority", x.Priority, "user", c.GetString("user"), "correlation_id", correlation(c))
	v, err := s.viewNow(ctx, x.ID)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, v)
	return nil
}

// reprioritised is the event that says that user gave x its priority. It may
// happen several times, so its ID has the time in it.
func reprioritised(x execution.Execution, user string, at time.Time) execution.Event {
	e := execution.NewEvent(x.ID, x.UserID, execution.SourceWeb, execution.ExecutionReprioritised, at)
	e.ID += "/" + strconv.FormatInt(e.At.UnixMilli(), 10)
	e.Request = &execution.Request{Language: x.Language, Version: x.Version, Priority: x.Priority, Pool: x.Pool, Limits: x.Limits, Attempt: x.Attempt}
	e.Saga = &execution.Saga{Cause: "asked for by " + user}
	e.CorrelationID = x.CorrelationID
	return e
}

// waiting is the execution that c is about, if it waits for capacity.
func (s *Server) waiting(c *gin.Context) (execution.Execution, error) {
	x, err := s.mine(c)
	if err != nil {
		return x, err
	}
	if x.Status.Terminal() {
		return x, ended(x)
	}
	if x.Status == execution.Queued {
		x.Queue, err = s.Queue.Place(c.Request.Context(), x.ID, x.Pool)
	}
	if err == nil && (x.Status != execution.Queued || x.Queue == nil) {
		err = execution.Errorf(execution.Conflict, "execution %s does not wait for capacity: %s", x.ID, x.Status)
	}
	return x, err
}

// drop cancels an execution that waits.
func (s *Server) drop(c *gin.Context) error {
	if _, err := s.waiting(c); err != nil {
		return err
	}
	return s.cancel(c)
}
