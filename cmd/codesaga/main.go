// Command codesaga is the whole platform in one binary. "codesaga web",
// "worker", "bridge" and "kube" are its processes; "codesaga all" is all of
// them in one. "codesaga setup" makes what they need. Everything else is the
// client: "codesaga run hello.py".
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	_ "time/tzdata" // of schedules, where the machine has none

	"golang.org/x/sync/errgroup"

	"github.com/codesaga/codesaga/cmd/codesaga/client"
)

// version is set by the linker.
var version = "dev"

func main() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	os.Exit(run(process{
		args: os.Args[1:], getenv: os.Getenv, signals: signals,
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
	}))
}

// process is what run needs of the process it is in, so that tests can call it.
type process struct {
	args           []string
	getenv         func(string) string
	signals        <-chan os.Signal
	stdin          io.Reader
	stdout, stderr io.Writer
}

// run is main without the process. It returns the exit code.
func run(p process) int {
	if len(p.args) == 0 {
		usage(p.stderr)
		return 2
	}
	if slices.Contains([]string{"help", "-h", "--help", "-help"}, p.args[0]) {
		usage(p.stdout)
		return 0
	}
	switch name := p.args[0]; {
	case name == "version":
		fmt.Fprintln(p.stdout, version)
		return 0
	case name == "setup" || name == "doctor" || name == "schemas" || name == "projections" || name == "all" || slices.ContainsFunc(roles, func(r role) bool { return r.name == name }):
		return serve(p)
	default:
		return client.Run(context.Background(), p.args, client.IO{
			Stdin: p.stdin, Stdout: p.stdout, Stderr: p.stderr, Terminal: terminal(p.stderr), Getenv: p.getenv, Interrupts: p.signals,
		})
	}
}

// serve runs roles until a signal comes, or sets up what they need.
func serve(p process) int {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	patience, hurry := context.WithCancel(context.Background())
	defer hurry()
	go func() {
		if _, ok := <-p.signals; ok {
			stop()
		}
		if _, ok := <-p.signals; ok { // asked again: nobody's streams are waited for
			hurry()
		}
	}()
	o := order{name: p.args[0]}
	cfg, err := loadFor(&o, p.args[1:], p.getenv, p.stdout)
	if err == nil {
		err = o.valid()
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(p.stderr, "codesaga:", strings.ReplaceAll(err.Error(), "\n", "; "))
		return 2
	}
	log, err := logger(p.stderr, cfg.LogLevel)
	if err == nil {
		a := newApp(cfg, log)
		a.patience = patience
		err = work(ctx, o, a, p.stdout)
	}
	switch {
	case errors.Is(err, errDiffers):
		return 3
	case err != nil:
		fmt.Fprintln(p.stderr, "codesaga:", err)
		return 1
	}
	return 0
}

// order is a command of the platform.
type order struct {
	name   string
	words  []string // what to do with schemas, or with projections, and which
	inJSON bool     // -json, of those that say something for programs
	dry    bool     // -dry-run of setup

	projections projectionsOrder
}

// flags declares those that are no settings.
func (o *order) flags(fs *flag.FlagSet) {
	if slices.Contains([]string{"doctor", "schemas", "projections"}, o.name) {
		fs.BoolVar(&o.inJSON, "json", false, "say it for programs")
	}
	if o.name == "setup" {
		fs.BoolVar(&o.dry, "dry-run", false, "change nothing and say what would be changed; the exit code is 3 if there is something")
	}
	if o.name == "projections" {
		o.projections.flags(fs)
	}
}

// most is how many words there may be.
func (o *order) most() int { return map[string]int{"schemas": 1, "projections": 2}[o.name] }

// verb is the first word.
func (o *order) verb() string {
	if len(o.words) == 0 {
		return ""
	}
	return o.words[0]
}

// valid reports what is wrong with the words.
func (o *order) valid() error {
	switch {
	case o.name == "schemas" && !slices.Contains([]string{"check", "diff", "register"}, o.verb()):
		return errVerb
	case o.name == "projections":
		if len(o.words) > 1 {
			o.projections.name = o.words[1]
		}
		return o.projections.valid(o.verb())
	default:
		return nil
	}
}

func work(ctx context.Context, o order, a *app, out io.Writer) error {
	defer a.close()
	switch o.name {
	case "setup":
		return a.setup(ctx, out, o.dry)
	case "doctor":
		return a.doctor(ctx, out, o.inJSON)
	case "schemas":
		return a.schemas(out, o.verb(), o.inJSON)
	case "projections":
		return a.projections(ctx, o, out)
	}
	chosen := slices.DeleteFunc(slices.Clone(roles), func(r role) bool { return o.name != "all" && o.name != r.name })
	for _, r := range chosen {
		a.roles = append(a.roles, r.name)
	}
	a.log.Info("starting", "roles", o.name, "version", version)
	if err := a.tracing(ctx, o.name, out); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx) // the first to fail ends all: the process is started anew
	for _, r := range chosen {
		g.Go(func() error {
			if err := r.run(a, ctx); err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			return nil
		})
	}
	if a.HealthListen != "" && !slices.ContainsFunc(chosen, func(r role) bool { return r.name == "web" }) {
		g.Go(func() error { return a.health(ctx) })
	}
	err := g.Wait()
	a.log.Info("stopped", "roles", o.name)
	return err
}

func usage(w io.Writer) {
	fmt.Fprint(w, "usage: codesaga COMMAND [flags]\n\nThe platform:\n")
	for _, r := range roles {
		fmt.Fprintf(w, "  %-11s %s\n", r.name, r.help)
	}
	fmt.Fprintf(w, "  %-11s %s\n", "all", "all of these in one process")
	fmt.Fprintf(w, "  %-11s %s\n", "setup", "make topics, schemas, indexes and namespaces as far as they are missing; -dry-run")
	fmt.Fprintf(w, "  %-11s %s\n", "schemas", "check, diff or register: the schemas of the topics, and the registry's; -json")
	fmt.Fprintf(w, "  %-11s %s\n", "projections", "list, status, rebuild or cancel: what is made of the events; -json")
	fmt.Fprintf(w, "  %-11s %s\n", "doctor", "try whether the cluster keeps scripts in; -json")
	fmt.Fprint(w, "\nThe client:\n")
	for _, c := range client.Commands {
		fmt.Fprintf(w, "  %-11s %s\n", c.Name, c.Help)
	}
	fmt.Fprint(w, "\nEach command says more with -h.\n")
}

func logger(w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log-level: %w", err)
	}
	return slog.New(spanned{slog.NewJSONHandler(w, &slog.HandlerOptions{Level: l})}), nil
}

// terminal reports whether w is one that people look at.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
