package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/codesaga/codesaga/execution"
)

var errProjections = errors.New("projections: say list, status [NAME], rebuild [-from kafka|store] [-dry-run] [-detach] NAME, or cancel NAME")

// projectionsOrder is what to do with which projection.
type projectionsOrder struct {
	name   string // empty: all
	from   string // empty: the usual source
	dryRun bool
	detach bool // a rebuild is started and left alone
}

func (p *projectionsOrder) flags(fs *flag.FlagSet) {
	fs.StringVar(&p.from, "from", "", "rebuild from kafka or from the store; empty: as is usual for the projection")
	fs.BoolVar(&p.dryRun, "dry-run", false, "make and compare, and change nothing")
	fs.BoolVar(&p.detach, "detach", false, "start a rebuild, and leave it alone")
}

// valid reports what is wrong with the order.
func (p projectionsOrder) valid(verb string) error {
	if !slices.Contains([]string{"list", "status", "rebuild", "cancel"}, verb) || (p.name == "") != (verb == "list") && verb != "status" {
		return errProjections
	}
	if verb != "rebuild" && (p.from != "" || p.dryRun || p.detach) {
		return errProjections
	}
	if p.name == "" {
		return nil
	}
	kind, err := execution.FindProjection(p.name)
	if err == nil && p.from != "" && !slices.Contains(kind.Sources, p.from) {
		err = fmt.Errorf("projections: %s are made from %s", p.name, strings.Join(kind.Sources, " or "))
	}
	return err
}

// projectionsDoer tells of projections, and makes them anew.
type projectionsDoer struct {
	book interface {
		Projections(context.Context) ([]execution.Projection, error)
	}
	rebuilder interface {
		StartRebuild(context.Context, execution.RebuildOrder) error
		CancelRebuild(ctx context.Context, projection string) error
	}
	out    io.Writer
	inJSON bool
}

// projections does o. A rebuild it starts is done by the workers, and goes on if
// this process ends.
func (a *app) projections(ctx context.Context, o order, out io.Writer) error {
	s, sagas, _, err := a.core()
	if err != nil {
		return err
	}
	return projectionsDoer{book: s, rebuilder: sagas, out: out, inJSON: o.inJSON}.do(ctx, o.verb(), o.projections)
}

func (d projectionsDoer) do(ctx context.Context, verb string, p projectionsOrder) error {
	switch verb {
	case "rebuild":
		return d.rebuild(ctx, p)
	case "cancel":
		return d.rebuilder.CancelRebuild(ctx, p.name)
	}
	all, err := d.book.Projections(ctx)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(one execution.Projection) bool { return p.name != "" && p.name != one.Name })
	if d.inJSON {
		return printJSON(d.out, all)
	}
	for _, one := range all {
		fmt.Fprintf(d.out, "%s: about %d documents, from %s\n", one.Name, one.Documents, strings.Join(one.Sources, " or "))
		if one.Rebuild != nil && verb == "status" {
			d.print(*one.Rebuild)
		}
	}
	return nil
}

// rebuild starts one, and shows how far it is until it has ended.
func (d projectionsDoer) rebuild(ctx context.Context, p projectionsOrder) error {
	kind, err := execution.FindProjection(p.name)
	if err != nil {
		return err
	}
	o := execution.RebuildOrder{ID: string(execution.NewID()), Projection: p.name, Source: p.from, DryRun: p.dryRun, By: operator()}
	if o.Source == "" {
		o.Source = kind.Sources[0]
	}
	if err := d.rebuilder.StartRebuild(ctx, o); err != nil {
		return err
	}
	if p.detach {
		fmt.Fprintf(d.out, "rebuild %s of %s has begun\n", o.ID, o.Projection)
		return nil
	}
	r, err := d.follow(ctx, o)
	if err != nil {
		return err
	}
	if d.inJSON {
		err = printJSON(d.out, r)
	} else {
		d.print(r)
	}
	if r.Status != execution.RebuildCompleted {
		return errors.Join(err, fmt.Errorf("the rebuild has ended: %s", strings.TrimSpace(r.Status+" "+r.Error)))
	}
	return err
}

// follow shows how far a rebuild is, every second, until its end.
func (d projectionsDoer) follow(ctx context.Context, o execution.RebuildOrder) (execution.Rebuild, error) {
	shown := ""
	for {
		all, err := d.book.Projections(ctx)
		if err != nil && execution.KindOf(err) != execution.Unavailable { // it comes back
			return execution.Rebuild{}, err
		}
		for _, one := range all {
			r := one.Rebuild
			if r == nil || r.ID != o.ID {
				continue
			}
			if r.Status != execution.RebuildRunning {
				return *r, nil
			}
			if now := progressLine(*r); now != shown && !d.inJSON {
				fmt.Fprintln(d.out, now)
				shown = now
			}
		}
		select {
		case <-ctx.Done():
			return execution.Rebuild{}, fmt.Errorf("rebuild %s goes on; see codesaga projections status %s", o.ID, o.Projection)
		case <-time.After(time.Second):
		}
	}
}

func progressLine(r execution.Rebuild) string {
	line := fmt.Sprintf("  %s: %d of %d events, %.0f %%, %.0f events/s", r.Phase, r.Done, r.Total, r.Percent(), r.PerSecond)
	if left := r.ETASeconds(); left >= 1 {
		line += fmt.Sprintf(", about %s left", time.Duration(left*float64(time.Second)).Round(time.Second))
	}
	return line
}

// print tells how r stands, a line for each thing that is known.
func (d projectionsDoer) print(r execution.Rebuild) {
	dry := ""
	if r.DryRun {
		dry = ", a dry run"
	}
	fmt.Fprintf(d.out, "  rebuild %s from %s%s: %s, begun %s\n", r.ID, r.Source, dry, strings.TrimSpace(r.Status+" "+r.Error), r.StartedAt.Format(time.RFC3339))
	fmt.Fprintln(d.out, progressLine(r))
	if r.Unreadable > 0 {
		fmt.Fprintf(d.out, "  %d messages are no events\n", r.Unreadable)
	}
	if r.Equal == nil {
		return
	}
	verdict := "equal"
	if !*r.Equal {
		verdict = fmt.Sprintf("%d differ", r.Differences)
	}
	fmt.Fprintf(d.out, "  compared %d documents (%d cannot be): %s; %d repaired\n", r.Compared, r.Skipped, verdict, r.Repaired)
	for _, e := range r.Examples {
		fmt.Fprintf(d.out, "    %s: %s\n", e.ID, e.Why)
	}
}

// operator is who has this shell.
func operator() string {
	for _, name := range []string{"SUDO_USER", "USER"} {
		if user := os.Getenv(name); execution.ValidUser(user) {
			return user
		}
	}
	return "shell"
}
