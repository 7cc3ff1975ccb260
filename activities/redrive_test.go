package activities

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"github.com/codesaga/codesaga/execution"
)

// letterDesk has one letter, which is to be sent, and a post that may be closed.
type letterDesk struct {
	send        bool
	err, closed error
	unsent      int
	parked      string
	sent        []execution.Letter
}

func (d *letterDesk) StepLetter(_ context.Context, id string) (l execution.Letter, step execution.RedriveStep, send bool, err error) {
	return execution.Letter{ID: id, Round: 2}, execution.RedriveStep{Wait: time.Minute}, d.send, d.err
}

func (d *letterDesk) UnsendLetter(_ context.Context, _ string, round int) error {
	d.unsent = round
	return nil
}

func (d *letterDesk) ParkLetter(_ context.Context, _, why string) error {
	d.parked = why
	return nil
}

func (d *letterDesk) Redrive(_ context.Context, l execution.Letter) error {
	if d.closed == nil {
		d.sent = append(d.sent, l)
	}
	return d.closed
}

func TestRedriveLetter(t *testing.T) {
	gone, wrong, away := execution.Errorf(execution.NotFound, "gone"), execution.Errorf(execution.Invalid, "nobody reads it"), execution.Errorf(execution.Unavailable, "kafka")
	for _, tt := range []struct {
		name   string
		desk   letterDesk
		step   execution.RedriveStep
		sent   int
		unsent int
		parked string
		fails  bool
	}{
		{"it is due", letterDesk{send: true}, execution.RedriveStep{Wait: time.Minute}, 1, 0, "", false},
		{"it is not", letterDesk{}, execution.RedriveStep{Wait: time.Minute}, 0, 0, "", false},
		{"it has expired", letterDesk{err: gone}, execution.RedriveStep{Over: true}, 0, 0, "", false},
		{"the store is away", letterDesk{err: errors.New("away")}, execution.RedriveStep{}, 0, 0, "", true},
		{"it can never be written", letterDesk{send: true, closed: wrong}, execution.RedriveStep{Over: true}, 0, 0, "nobody reads it", false},
		{"kafka is away", letterDesk{send: true, closed: away}, execution.RedriveStep{}, 0, 2, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var suite testsuite.WorkflowTestSuite
			env := suite.NewTestActivityEnvironment()
			a := &Activities{Letters: &tt.desk, LetterPost: &tt.desk}
			env.RegisterActivity(a)
			var step execution.RedriveStep
			out, err := env.ExecuteActivity(a.RedriveLetter, "l1")
			if err == nil {
				err = out.Get(&step)
			}
			if (err != nil) != tt.fails || step != tt.step || len(tt.desk.sent) != tt.sent || tt.desk.unsent != tt.unsent || tt.desk.parked != tt.parked {
				t.Errorf("%+v, %v; %+v", step, err, tt.desk)
			}
		})
	}
}
