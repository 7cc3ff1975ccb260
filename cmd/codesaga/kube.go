package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"

	"github.com/codesaga/codesaga/bridge"
	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/kube"
	"github.com/codesaga/codesaga/web"
)

// podGrace is the time between SIGTERM and SIGKILL of a pod, in seconds: the
// runner gives the script two, takes up to one to clear what is left, and then
// has its last frame to write.
const podGrace = 5

// hands is a worker as the settings describe it. It tells nobody anything.
func (a *app) hands() (*kube.Worker, error) {
	klog.SetSlogLogger(a.log) // or client-go writes lines of its own kind
	client, config, err := kube.Connect(a.Kubeconfig)
	if err != nil {
		return nil, err
	}
	nodes, err := pairs(a.NodeSelector)
	if err != nil {
		return nil, err
	}
	return &kube.Worker{
		Client: client, Config: config, Namespace: a.Namespace, Pool: a.Pool, Log: a.log,
		Settings: kube.Settings{
			RunnerImage: a.RunnerImage, RuntimeClass: a.RuntimeClass, NodeSelector: nodes, UserNamespaces: a.UserNamespaces,
			InitContainer: a.InitContainer, GraceSeconds: podGrace, StartSeconds: int64(a.StartTimeout.Seconds()),
		},
	}, nil
}

// kube turns tasks of a pool into pods. It needs Kafka and a cluster, nothing
// else.
func (a *app) kube(ctx context.Context) error {
	w, err := a.hands()
	if err != nil {
		return err
	}
	bus := a.bus()
	w.Bus, w.Guard, w.Metrics = bus, true, kube.NewMetrics(a.registry)
	if err := a.checked(ctx, w.Check); err != nil {
		return err
	}
	a.kubeWorker.Store(w)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return w.Run(ctx) })
	g.Go(func() error {
		return a.consumer(bus, bridge.KubeGroup(a.Pool), bridge.TasksOf(a.Pool), bridge.On(a.codecs.Tasks, w.Do)).Run(ctx)
	})
	return g.Wait()
}

// checked returns when check finds nothing missing. It waits for a cluster that
// is away or not set up yet; what waiting does not mend is an error.
func (a *app) checked(ctx context.Context, check func(context.Context) error) error {
	for {
		err := check(ctx)
		if execution.KindOf(err) != execution.Unavailable || ctx.Err() != nil {
			return err
		}
		a.log.Warn("the cluster is not ready", "err", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(2 * time.Second):
		}
	}
}

// handsChecks are those of a process that has the role kube.
func (a *app) handsChecks() []web.Check {
	if !slices.Contains(a.roles, "kube") {
		return nil
	}
	return []web.Check{{
		Name: "kubernetes",
		Check: func(ctx context.Context) error {
			if w := a.kubeWorker.Load(); w != nil {
				return w.Ready(ctx)
			}
			return errors.New("the namespace of scripts is not looked at yet")
		},
		Detail: func() string {
			if w := a.kubeWorker.Load(); w != nil {
				return w.Detail()
			}
			return ""
		},
	}}
}

// setupKubernetes makes the namespace of the scripts.
func (a *app) setupKubernetes(ctx context.Context, dry bool) ([]string, error) {
	client, _, err := kube.Connect(a.Kubeconfig)
	if err != nil {
		return nil, err
	}
	known, err := a.languages()
	if err != nil {
		return nil, err
	}
	nodes, err := pairs(a.NodeSelector)
	if err != nil {
		return nil, err
	}
	most := execution.DefaultBounds
	o := kube.SetupOptions{
		Namespace: a.Namespace, Pods: int64(2*a.Concurrent + 10), // one that ends is still there when the next begins
		PodCPUMillis: most.CPUMillis.Max, PodMemoryBytes: most.MemoryBytes.Max,
		RunnerImage: a.RunnerImage, NodeSelector: nodes, DryRun: dry,
	}
	for _, l := range known {
		for _, v := range l.Versions {
			p := l.Program(v, a.LocalImages, "")
			o.PodMemoryBytes = max(o.PodMemoryBytes, p.CompileMemoryBytes)
			if a.Prepull && !v.Disabled {
				o.Images = append(o.Images, p.Image)
			}
		}
	}
	return kube.Setup(ctx, client, o)
}

// checkup is what the doctor says.
type checkup struct {
	kube.Report
	Namespace string `json:"namespace"`
	Missing   string `json:"missing,omitempty"` // of what setup makes
	Prepull   string `json:"prepull"`
}

// errUnfit says that the cluster is not fit to run strangers' scripts.
var errUnfit = errors.New("the cluster is not fit to run strangers' scripts")

// doctor looks at the cluster, starts a probe in it, and says what it found. The
// error says that it is not fit, or that nothing could be found out.
func (a *app) doctor(ctx context.Context, out io.Writer, inJSON bool) error {
	w, err := a.hands()
	if err != nil {
		return err
	}
	c := checkup{Namespace: a.Namespace, Prepull: kube.Prepulled(ctx, w.Client, a.Namespace)}
	if err := w.Check(ctx); err != nil {
		c.Missing = err.Error()
	}
	if c.Report, err = w.Probe(ctx); err != nil {
		return errors.Join(errors.New(c.Missing), err)
	}
	if inJSON {
		err = printJSON(out, c)
	} else {
		err = c.print(out)
	}
	if err == nil && (!c.Isolated || c.Missing != "") {
		return errUnfit
	}
	return err
}

// print writes c for people.
func (c checkup) print(out io.Writer) error {
	var text strings.Builder
	fmt.Fprintln(&text, c.Sentence)
	if c.Missing != "" {
		fmt.Fprintln(&text, c.Missing)
	}
	fmt.Fprintf(&text, "%s\n\ntried from inside of a pod in %s:\n", c.Prepull, c.Namespace)
	for _, f := range c.Findings {
		state := "shut"
		if f.Open {
			state = "OPEN"
		}
		fmt.Fprintf(&text, "  %s  %s", state, f.What)
		if f.Detail != "" {
			fmt.Fprintf(&text, ": %s", f.Detail)
		}
		fmt.Fprintln(&text)
	}
	_, err := io.WriteString(out, text.String())
	return err
}
