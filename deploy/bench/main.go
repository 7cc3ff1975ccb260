// Command bench measures the platform from outside, on the real stack, and
// prints figures. It starts the roles itself, each as a process of its own, and
// uses the product as users do: a binary and a URL. Beside each kind of run it
// measures the same pod created by hand, in the same minutes, because the
// machine is shared with everything else.
//
// Settings: CODESAGA_BIN and the addresses that "codesaga-dev env" prints.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type part struct {
	name    string
	measure func(context.Context) error
}

// parts are what can be measured, in order.
var parts = []part{
	{"roles", func(ctx context.Context) error { return with(ctx, []string{"web", "worker", "bridge", "kube"}, all) }},
	{"eager", func(ctx context.Context) error {
		fmt.Println("All roles in one process, which starts sagas eagerly:")
		return with(ctx, []string{"all"}, func(ctx context.Context, w *watcher) error { return compare(ctx, w, 100, 1) })
	}},
	{"throughput", throughput},
	{"crowd", crowd},
	{"replay", replay},
	{"rebuild", rebuild},
	{"sizes", func(ctx context.Context) error { return with(ctx, []string{"web", "worker", "bridge", "kube"}, sizes) }},
	{"reconnect", reconnect},
	{"subscribers", subscribe},
}

// run measures the parts that are named; all if none is.
func run(ctx context.Context) error {
	names := os.Args[1:]
	if len(names) > 2 && names[0] == audienceWord {
		return runAudience(ctx, names[1], names[2:])
	}
	for _, name := range names {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			return fmt.Errorf("there is no part %q: roles, eager, throughput, crowd, replay, rebuild, sizes, reconnect or subscribers", name)
		}
	}
	fmt.Printf("%s, %d cores, %s, %s\n", cpu(), runtime.NumCPU(), runtime.Version(), time.Now().UTC().Format(time.RFC3339))
	fmt.Print("milliseconds: p50 / p95 / p99 / max\n\n")
	for _, p := range parts {
		if len(names) > 0 && !slices.Contains(names, p.name) {
			continue
		}
		if err := p.measure(ctx); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Println()
	}
	return nil
}

// with measures a platform that runs as these processes, with settings, as
// NAME=VALUE, of its own.
func with(ctx context.Context, roles []string, measure func(context.Context, *watcher) error, settings ...string) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	p, err := startPlatform(ctx, roles, settings)
	if err != nil {
		return err
	}
	defer p.stop()
	w, err := newWatcher(ctx, p)
	if err != nil {
		return err
	}
	if err := w.flood(ctx, 3, 1); err != nil { // warm: images, connections, caches
		return err
	}
	if err := measure(ctx, w); err != nil {
		return err
	}
	p.printMemory()
	return nil
}

func all(ctx context.Context, w *watcher) error {
	for _, load := range []struct{ runs, atOnce int }{{100, 1}, {50, 10}} {
		if err := compare(ctx, w, load.runs, load.atOnce); err != nil {
			return err
		}
	}
	if err := w.latency(ctx); err != nil {
		return err
	}
	return w.cancels(ctx, 100)
}

// compare measures runs of the platform and pods made by hand, both in the same
// way, and prints what lies between.
func compare(ctx context.Context, w *watcher, runs, atOnce int) error {
	fmt.Printf("%d runs, %d at a time\n", runs, atOnce)
	ours, err := repeat(ctx, runs, atOnce, w.measure)
	if err != nil {
		return err
	}
	raw, err := repeat(ctx, runs, atOnce, w.measureRaw)
	if err != nil {
		return err
	}
	for _, name := range []string{"POST answered (202)", "task on the topic", "pod created", "first output", "result_stored"} {
		row("  POST → "+name, ours[name])
	}
	row("  raw pod: create → first output", raw["first output"])
	over := quantile(ours["first output"], 0.5) - quantile(raw["first output"], 0.5)
	fmt.Printf("  overhead of the platform, p50: %.0f ms, %.0f %%\n", ms(over), 100*float64(over)/float64(quantile(raw["first output"], 0.5)))
	inPod := diff(ours["first output"], ours["pod created"])
	row("  ours: pod created → first output", inPod)
	fmt.Println()
	return nil
}

func cpu() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(b)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
		}
	}
	return runtime.GOARCH
}
