package main

import (
	"context"
	"fmt"
	"io"

	"github.com/codesaga/codesaga/bridge"
	"github.com/codesaga/codesaga/temporal"
)

// setup makes what the roles need as far as it is missing, and says what it
// changed. It can be done again at any time.
func (a *app) setup(ctx context.Context, out io.Writer) error {
	changed := 0
	for _, room := range []struct {
		name string
		do   func(context.Context) ([]string, error)
	}{
		{"kafka", a.setupKafka},
		{"mongodb", a.setupMongo},
		{"temporal", a.setupTemporal},
		{"kubernetes", a.setupKubernetes},
	} {
		changes, err := room.do(ctx)
		for _, c := range changes {
			fmt.Fprintf(out, "%s: %s\n", room.name, c)
		}
		if err != nil {
			return fmt.Errorf("setup of %s: %w", room.name, err)
		}
		changed += len(changes)
	}
	if changed == 0 {
		fmt.Fprintln(out, "nothing to change")
	}
	return nil
}

func (a *app) setupKafka(ctx context.Context) ([]string, error) {
	return a.cluster.Setup(ctx, bridge.Layout{Topics: bridge.Topics(list(a.Pools)...), Replication: a.Replication})
}

func (a *app) setupMongo(ctx context.Context) ([]string, error) {
	s, err := a.store()
	if err != nil {
		return nil, err
	}
	return s.Setup(ctx)
}

func (a *app) setupTemporal(ctx context.Context) ([]string, error) {
	c, err := a.dial(a.TemporalNS)
	if err != nil {
		return nil, err
	}
	return temporal.Setup(ctx, c, a.TemporalNS)
}
