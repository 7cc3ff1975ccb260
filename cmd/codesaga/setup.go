package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/codesaga/codesaga/bridge"
	"github.com/codesaga/codesaga/temporal"
)

// errDiffers is that a dry run of setup found something to change.
var errDiffers = errors.New("setup would change something")

// setup makes what the roles need as far as it is missing or otherwise, and says
// what it changed. It can be done again at any time. A dry run changes nothing,
// says what would be changed, and that there is something by errDiffers.
func (a *app) setup(ctx context.Context, out io.Writer, dry bool) error {
	changed, would := 0, ""
	if dry {
		would = "would have "
	}
	for _, room := range []struct {
		name string
		do   func(context.Context, bool) ([]string, error)
	}{
		{"kafka", a.setupKafka},
		{"mongodb", a.setupMongo},
		{"temporal", a.setupTemporal},
		{"kubernetes", a.setupKubernetes},
	} {
		changes, err := room.do(ctx, dry)
		for _, c := range changes {
			fmt.Fprintf(out, "%s: %s%s\n", room.name, would, c)
		}
		if err != nil {
			return fmt.Errorf("setup of %s: %w", room.name, err)
		}
		changed += len(changes)
	}
	if changed == 0 {
		fmt.Fprintln(out, "nothing to change")
	}
	if changed > 0 && dry {
		return errDiffers
	}
	return nil
}

func (a *app) setupKafka(ctx context.Context, dry bool) ([]string, error) {
	return a.cluster.Setup(ctx, bridge.Layout{Topics: a.topics(), Replication: a.Replication, DryRun: dry})
}

func (a *app) setupMongo(ctx context.Context, dry bool) ([]string, error) {
	s, err := a.store()
	if err != nil {
		return nil, err
	}
	return s.Setup(ctx, dry)
}

func (a *app) setupTemporal(ctx context.Context, dry bool) ([]string, error) {
	c, err := a.dial(a.TemporalNS)
	if err != nil {
		return nil, err
	}
	return temporal.Setup(ctx, c, a.TemporalNS, dry)
}
