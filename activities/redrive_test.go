package activities

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"

	"github.com/codesaga/codesaga/execution"
)

// pile has one dead letter.
type pile struct {
	letter execution.Letter
	send   bool
	err    error // of the book
	wrong  error // of the writing
	wrote  []int // rounds
	parked string
}

func (p *pile) StepLetter(_ context.Context, id string, now time.Time) (execution.Letter, execution.RedriveStep, bool, error) {
	if p.send && p.err == nil {
		p.letter.Round++
		p.letter.Sent = now
	}
	return p.letter, execution.RedriveStep{Wait: 10 * time.Minute, Round: p.letter.Round}, p.send, p.err
}

func (p *pile) ParkLetter(_ context.Context, id, reason string) error {
	p.parked = id + ": " + reason
	return p.err
}

func (p *pile) Redrive(_ context.Context, l execution.Letter) error {
	if p.wrong == nil {
		p.wrote = append(p.wrote, l.Round)
	}
	return p.wrong
}

// do is an attempt; of the one before it may be known which round it was about
// to write.
func (p *pile) do(activity any, noted any, args ...any) (step execution.RedriveStep, err error) {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(&Activities{Letters: p, Redriver: p})
	if noted != nil {
		env.SetHeartbeatDetails(noted)
	}
	value, err := env.ExecuteActivity(activity, args...)
	if err == nil && value.HasValue() {
		err = value.Get(&step)
	}
	return step, err
}

func TestRedriveLetter(t *testing.T) {
	var a *Activities
	sent := time.Now()
	for name, tt := range map[string]struct {
		pile   pile
		noted  any
		wrote  string
		parked string
		over   bool
		err    bool
	}{
		"it is due":                          {pile: pile{send: true}, wrote: "1"},
		"it is not due":                      {pile: pile{}},
		"it was forgotten":                   {pile: pile{err: execution.Errorf(execution.NotFound, "no letter")}, over: true},
		"the store is away":                  {pile: pile{err: execution.Errorf(execution.Unavailable, "away")}, err: true},
		"it can never be written":            {pile: pile{send: true, wrong: execution.Errorf(execution.Invalid, "its topic has it no more")}, over: true, parked: "l1: its topic has it no more"},
		"it is too large":                    {pile: pile{send: true, wrong: execution.Errorf(execution.TooLarge, "too large")}, over: true, parked: "l1: too large"},
		"kafka is away":                      {pile: pile{send: true, wrong: errors.New("away")}, err: true},
		"the attempt before did not write":   {pile: pile{letter: execution.Letter{Round: 3, Sent: sent}}, noted: 3, wrote: "3"},
		"its outcome came":                   {pile: pile{letter: execution.Letter{Round: 3}}, noted: 3},
		"another round is under way":         {pile: pile{letter: execution.Letter{Round: 4, Sent: sent}}, noted: 3},
		"this is the first attempt after it": {pile: pile{letter: execution.Letter{Round: 3, Sent: sent}}},
	} {
		t.Run(name, func(t *testing.T) {
			p := &tt.pile
			step, err := p.do(a.RedriveLetter, tt.noted, "l1")
			wrote := strings.Trim(fmt.Sprint(p.wrote), "[]")
			if (err != nil) != tt.err || step.Over != tt.over || wrote != tt.wrote || p.parked != tt.parked {
				t.Errorf("%+v %v, wrote %q, parked %q", step, err, wrote, p.parked)
			}
			if !tt.err && !tt.over && step.Wait != 10*time.Minute {
				t.Errorf("waits %v", step.Wait)
			}
		})
	}
}

func TestParkLetter(t *testing.T) {
	var a *Activities
	for kind, fails := range map[execution.Kind]bool{"": false, execution.NotFound: false, execution.Conflict: false, execution.Unavailable: true} {
		p := &pile{}
		if kind != "" {
			p.err = execution.Errorf(kind, "no")
		}
		if _, err := p.do(a.ParkLetter, nil, "l1", "why"); (err != nil) != fails || p.parked != "l1: why" {
			t.Errorf("%s: %v, %q", kind, err, p.parked)
		}
	}
}
