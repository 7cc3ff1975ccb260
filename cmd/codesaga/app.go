package main

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/codesaga/codesaga/bridge"
	"github.com/codesaga/codesaga/callback"
	"github.com/codesaga/codesaga/deploy/languages"
	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/kube"
	"github.com/codesaga/codesaga/store"
	"github.com/codesaga/codesaga/temporal"
)

// app is what the roles share. Each part is opened by the first role that asks
// for it, so the kube worker starts where there is no MongoDB.
type app struct {
	Config
	log      *slog.Logger
	registry *prometheus.Registry
	counts   *bridge.Metrics
	cluster  bridge.Cluster
	codecs   *bridge.Codecs

	store  func() (*store.Store, error)
	places func() (*store.Ledger, error)
	sagas  func() (temporal.Sagas, error)
	bus    func() *bridge.Publisher

	callbacks func() (*callback.Sender, error)

	patience   context.Context             // ends when streams are not to be drained any longer
	roles      []string                    // of this process
	kubeWorker atomic.Pointer[kube.Worker] // nil until there is one

	mu      sync.Mutex
	closers []func()
}

func newApp(cfg Config, log *slog.Logger) *app {
	a := &app{Config: cfg, log: log, registry: prometheus.NewRegistry(), patience: context.Background()}
	a.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	a.counts = bridge.NewMetrics(a.registry)
	a.cluster = bridge.Cluster{Brokers: strings.Split(cfg.Kafka, ","), RegistryURL: cfg.Registry, Prefix: cfg.TopicPrefix, Log: log}
	a.codecs = a.cluster.Codecs()
	a.store = sync.OnceValues(a.openStore)
	a.places = sync.OnceValues(a.openLedger)
	a.sagas = sync.OnceValues(a.openTemporal)
	a.bus = sync.OnceValue(a.openBus)
	a.callbacks = sync.OnceValues(a.openCallbacks)
	return a
}

// atClose remembers what to close, last opened first.
func (a *app) atClose(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closers = append(a.closers, f)
}

func (a *app) close() {
	for _, f := range slices.Backward(a.closers) {
		f()
	}
}

// topics are those of this configuration, which check has read before.
func (a *app) topics() []bridge.Topic {
	topics, _ := bridge.Reshape(bridge.Topics(list(a.Pools)...), a.Topics)
	return topics
}

func (a *app) openStore() (*store.Store, error) {
	s, err := store.Open(a.MongoURI, a.Database)
	if err != nil {
		return nil, fmt.Errorf("mongo-uri: %w", err)
	}
	s.EventLife = a.EventLife
	a.atClose(func() { _ = s.Close(context.Background()) })
	return s, nil
}

func (a *app) openLedger() (*store.Ledger, error) {
	s, err := a.store()
	if err != nil {
		return nil, err
	}
	return s.Ledger(a.policy(), list(a.Pools)...), nil
}

// dial returns a client of namespace. It connects when it is first used.
func (a *app) dial(namespace string) (client.Client, error) {
	spans, err := interceptors()
	if err != nil {
		return nil, err
	}
	c, err := client.NewLazyClient(client.Options{HostPort: a.Temporal, Namespace: namespace, Logger: log.NewStructuredLogger(a.log), Interceptors: spans})
	if err != nil {
		return nil, fmt.Errorf("temporal-address: %w", err)
	}
	a.atClose(c.Close)
	return c, nil
}

func (a *app) openTemporal() (temporal.Sagas, error) {
	c, err := a.dial(a.TemporalNS)
	return temporal.Sagas{Client: c}, err
}

func (a *app) openBus() *bridge.Publisher {
	w := a.cluster.Writer()
	a.atClose(func() { _ = w.Close() })
	return &bridge.Publisher{Writer: w, Codecs: a.codecs, Version: version}
}

// core is what all roles need but kube.
func (a *app) core() (*store.Store, temporal.Sagas, *bridge.Publisher, error) {
	s, err := a.store()
	if err != nil {
		return nil, temporal.Sagas{}, nil, err
	}
	sagas, err := a.sagas()
	return s, sagas, a.bus(), err
}

// languages is the registry: what comes with the binary, and over it what
// languages-dir has, as far as there are images.
func (a *app) languages() (execution.Languages, error) {
	all, err := languages.Read(languages.Files)
	if err == nil && a.Languages != "" {
		var added execution.Languages
		if added, err = readDir(a.Languages); err == nil {
			all, err = languages.Merge(all, added)
		}
		if err != nil {
			err = fmt.Errorf("languages-dir: %w", err)
		}
	}
	if !a.LocalImages {
		all = languages.Pullable(all)
	}
	return all, err
}

func readDir(dir string) (execution.Languages, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	return languages.Read(root.FS().(fs.ReadFileFS))
}

// consumer returns one that hands the messages of topic to handle, as one of
// group.
func (a *app) consumer(bus *bridge.Publisher, group, topic string, handle bridge.Handler) *bridge.Consumer {
	return &bridge.Consumer{
		Reader: a.cluster.Reader(group, topic), Handle: handle, Dead: bus.Writer,
		Topic: topic, Group: group, Window: 256, Log: a.log.With("group", group), Metrics: a.counts,
	}
}
