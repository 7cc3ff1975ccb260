package callback

import (
	"context"
	"net/url"

	"github.com/codesaga/codesaga/execution"
)

// Executions are what is told of.
type Executions interface {
	Get(context.Context, execution.ID) (execution.Execution, error)
}

// Log keeps what came of attempts.
type Log interface {
	// SwitchedOff reports whether a user's host has failed so often that it is
	// left alone.
	SwitchedOff(ctx context.Context, user, host string) (bool, error)
	// Note keeps an attempt, and what it says of its host.
	Note(context.Context, execution.Delivery) error
}

// Poster tells the callbacks of executions of their ends.
type Poster struct {
	Executions Executions
	Log        Log
	Sender     *Sender
	Body       func(execution.Execution) ([]byte, error) // what is told of one that has ended
}

// Post makes the attempt a, and notes it. It reports whether there is nothing
// more to do: it was heard, never will be, or nobody is to be told. An error
// says that it is not known what came of it.
func (p *Poster) Post(ctx context.Context, a execution.CallbackAttempt) (done bool, err error) {
	x, err := p.Executions.Get(ctx, a.ExecutionID)
	if execution.KindOf(err) == execution.NotFound {
		return true, nil
	}
	if err != nil || x.CallbackURL == "" {
		return err == nil, err
	}
	body, err := p.Body(x)
	if err != nil {
		return false, err
	}
	host := hostOf(x.CallbackURL)
	d, err := p.attempt(ctx, x, host, body, a.Delivery > 1)
	if err != nil {
		return false, err
	}
	done = d.Failure == "" || d.Failure.Final()
	d.ExecutionID, d.UserID, d.Host = x.ID, x.UserID, host
	d.Delivery, d.Number, d.Last = a.Delivery, a.Number, a.Last || done
	return done, p.Log.Note(ctx, d)
}

// attempt sends body, unless its receiver is left alone: who asked for it gets
// it sent anyway.
func (p *Poster) attempt(ctx context.Context, x execution.Execution, host string, body []byte, asked bool) (d execution.Delivery, err error) {
	if !asked {
		off, err := p.Log.SwitchedOff(ctx, x.UserID, host)
		if err != nil {
			return d, err
		}
		if off {
			return p.Sender.skip(), nil
		}
	}
	return p.Sender.Send(ctx, x.CallbackURL, execution.CallbackID(x.ID), body), nil
}

// hostOf is the host of raw, with its port if it has one.
func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}
