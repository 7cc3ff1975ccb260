package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/codesaga/codesaga/activities"
	"github.com/codesaga/codesaga/bridge"
	"github.com/codesaga/codesaga/callback"
	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/temporal"
	"github.com/codesaga/codesaga/web"
	"github.com/codesaga/codesaga/workers"
)

// A role is what a process does until ctx ends.
type role struct {
	name string
	help string
	run  func(*app, context.Context) error
}

var roles = []role{
	{"web", "the API, the streams and the page", (*app).web},
	{"worker", "the sagas, on Temporal", (*app).worker},
	{"bridge", "the consumers of events and output, on Kafka", (*app).bridge},
	{"kube", "the pods, on Kubernetes", (*app).kube},
}

// worker runs the sagas.
func (a *app) worker(ctx context.Context) error {
	s, sagas, bus, err := a.core()
	if err != nil {
		return err
	}
	places, err := a.places()
	if err != nil {
		return err
	}
	sender, err := a.callbacks()
	if err != nil {
		return err
	}
	return workers.Run(ctx, sagas.Client, &activities.Activities{
		Store: s, Ledger: places, Bus: bus, Sagas: sagas, StartTimeout: a.StartTimeout, Schedules: s, Batches: s,
		Rebuilds: s, Shadows: s, EventStore: s, EventLog: bridge.Log{Cluster: a.cluster, Codec: a.codecs.Events},
		Callbacks: &callback.Poster{Executions: s, Log: s, Sender: sender, Body: web.CallbackBody},
		Replaying: &activities.Replaying{
			Sessions: s, Log: s, Failures: s, Events: s, Projector: s, Receiver: sender,
			Topics: &bridge.Replays{Cluster: a.cluster, Bus: bus, Replication: a.Replication}, Retention: a.ReplayLife,
		},
		Letters: s, LetterPost: &bridge.Redriver{Writer: bus.Writer, Topics: a.topics()},
		Slots: activities.NewSlots(a.registry, a.log),
	})
}

// bridge carries facts to the sagas, and events, output and endings to the
// store.
func (a *app) bridge(ctx context.Context) error {
	s, sagas, bus, err := a.core()
	if err != nil {
		return err
	}
	results := &bridge.Results{Store: s, Bus: bus, Notify: a.notify(), Log: a.log}
	recorder := a.consumer(bus, bridge.RecorderGroup, bridge.OutputTopic, bridge.OnChunks(a.codecs.Chunks, s.Record))
	recorder.Unordered = true // chunks are numbered, so those that wait are written together
	letters := &bridge.Letters{Prefix: a.TopicPrefix, Capture: s.Capture, Settle: s.SettleLetter, Wake: sagas.WakeRedrive, Log: a.log}
	watch, err := a.letterWatch(s, sagas, bus)
	if err != nil {
		return err
	}
	warden := &bridge.Warden{Gate: new(bridge.Gate), Paused: s.PausedGroups, Groups: a.groups, Metrics: a.counts, Log: a.log}
	warden.Begin(ctx)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return warden.Run(ctx) })
	g.Go(func() error { return watch.Run(ctx) })
	news := &bridge.LetterNews{Untold: s.UntoldLetters, Tell: bus.Tell, Told: s.ToldLetter, Log: a.log}
	g.Go(func() error { return news.Run(ctx) })
	for _, c := range []*bridge.Consumer{
		a.consumer(bus, bridge.FactsGroup, bridge.EventsTopic, bridge.On(a.codecs.Events, bridge.Facts(sagas.Tell))),
		a.consumer(bus, bridge.ResultsGroup, bridge.EventsTopic, bridge.On(a.codecs.Events, results.Do)),
		a.consumer(bus, bridge.CallbacksGroup, bridge.EventsTopic, bridge.On(a.codecs.Events, bridge.Callbacks(s.CallbackOf, sagas.StartCallback))),
		a.consumer(bus, bridge.LettersGroup, bridge.DeadTopic, letters.Handle),
		a.consumer(bus, bridge.ProjectorGroup, bridge.EventsTopic, bridge.OnRecorded(a.codecs.Events, s.Project)),
		a.consumer(bus, bridge.PlatformGroup, bridge.PlatformTopic, bridge.On(a.codecs.Platform, s.KeepPlatformEvent)),
		a.consumer(bus, bridge.InboxGroup, bridge.NotificationsTopic, bridge.On(a.codecs.Notices, s.KeepNotice)),
		recorder,
	} {
		c.Gate = warden.Gate
		g.Go(func() error { return c.Run(ctx) })
	}
	return g.Wait()
}

// groups tells how far the consumer groups are.
func (a *app) groups(ctx context.Context) ([]execution.ConsumerGroup, error) {
	return a.cluster.Groups(ctx, a.topics()...)
}

// web serves people.
func (a *app) web(ctx context.Context) error {
	s, sagas, bus, err := a.core()
	if err != nil {
		return err
	}
	known, err := a.languages()
	if err != nil {
		return err
	}
	egress, err := execution.ParseEgress(a.EgressAllowed)
	if err != nil {
		return err
	}
	rules, err := a.callbackRules()
	if err != nil {
		return err
	}
	places, err := a.places()
	if err != nil {
		return err
	}
	clock := temporal.Schedules(sagas)
	user, operators := a.users()
	live := &bridge.Router{Cluster: a.cluster, Codecs: a.codecs, Metrics: a.counts}
	topics, err := bridge.AsyncAPI(version, a.TopicPrefix, a.topics())
	if err != nil {
		return err
	}
	server := &web.Server{
		Executions: s, Marks: s, History: s, Outputs: s, Keys: s, Sagas: sagas, SagaBook: sagas, Bus: bus, Live: live,
		Batches: s, BatchBook: s, BatchMarks: s, BatchSagas: sagas, Accounts: s, EventBook: s, EventFigures: s, EventArchive: s, Projections: s, Inbox: s, PlatformBook: s, Rebuilder: sagas, Callbacks: s, Deliverer: sagas,
		Schedules: s, Clock: clock, ClockHands: clock, Queue: places, Policies: places,
		Groups: a.groups, GroupKinds: bridge.GroupKinds(a.topics()...), GroupPauses: s,
		Letters: s, LetterMoves: s, LetterTopics: a.letterTopics(), RedrivePolicies: s, WakeLetter: sagas.WakeRedrive, ViewLetter: a.codecs.View,
		Replays: s, ReplayShelf: s, ReplayHands: sagas, ReplayRules: a.replayRules(rules.Check),
		User: user, Operators: operators, Hosts: a.hosts(),
		Languages: known, LocalImages: a.LocalImages, Bounds: execution.DefaultBounds,
		EgressAllowed: egress, Pools: list(a.Pools), LinkSecret: []byte(a.LinkSecret),
		AsyncAPI: topics, ContinueTraces: a.TraceContinue, TraceURL: a.TraceURL,
		About:      web.About{Version: version, TemporalUIURL: a.TemporalUI, TemporalNamespace: a.TemporalNS},
		Checks:     a.checks(s.Ping, sagas.Ping, live.Ready()),
		MaxStreams: a.MaxStreams, Heartbeat: a.Heartbeat, Closing: ctx.Done(), Phases: a.phases(), Registry: a.registry, Log: a.log,
	}
	if a.CallbackSecret != "" {
		server.CallbackURL = rules.Check
	}
	g, ctx := errgroup.WithContext(ctx)
	feeding, stop := context.WithCancel(context.WithoutCancel(ctx)) // until the streams were told to go elsewhere
	g.Go(func() error { return live.Run(feeding) })
	g.Go(func() error {
		defer stop()
		return a.listen(ctx, a.Listen, server, a.keys())
	})
	return g.Wait()
}

// replayRules are what events may be replayed to.
func (a *app) replayRules(url func(string) error) execution.ReplayRules {
	rules := execution.ReplayRules{Prefix: a.ReplayPrefix}
	for _, t := range a.topics() {
		rules.Production = append(rules.Production, t.Name)
	}
	if a.CallbackSecret != "" {
		rules.URL = url
	}
	return rules
}

// callbackRules are where callbacks may go to.
func (a *app) callbackRules() (callback.Rules, error) {
	ports, err := callback.ParsePorts(a.CallbackPorts)
	return callback.Rules{AllowPrivate: a.CallbackInner, Ports: ports}, err
}

// openCallbacks returns who tells the callbacks of executions, and alarms.
func (a *app) openCallbacks() (*callback.Sender, error) {
	rules, err := a.callbackRules()
	if err != nil {
		return nil, err
	}
	secrets, err := callback.ParseSecrets(a.CallbackSecret)
	if err != nil {
		return nil, err
	}
	return &callback.Sender{Rules: rules, Secrets: secrets, Agent: "codesaga/" + version, Sent: callback.NewSent(a.registry)}, nil
}

// users tells who asks, and who of them is an operator. Without a proxy that
// knows, everybody is local, who may do everything: that nobody else can ask is
// what the check of the setting listen is for.
func (a *app) users() (user func(*http.Request) (string, error), operators []string) {
	operators = list(a.Operators)
	if a.UserHeader != "" {
		return web.UserHeader(a.UserHeader), operators
	}
	return func(*http.Request) (string, error) { return "local", nil }, append(operators, "local")
}

// notify are the endings that people are told of, which check has read before.
func (a *app) notify() (endings []execution.Status) {
	for _, name := range list(a.Notify) {
		endings = append(endings, execution.Status(name))
	}
	return endings
}

// hosts are the names that the API answers to: without a login, a page of some
// site must not reach it through a browser on this machine.
func (a *app) hosts() []string {
	if a.InsecureListen {
		return nil
	}
	names := []string{"localhost", "127.0.0.1", "::1"}
	names = append(names, list(strings.ToLower(a.AllowedHosts))...)
	if host, _, err := net.SplitHostPort(a.Listen); err == nil {
		names = append(names, host)
	}
	return names
}

// checks are those of readiness of a process that serves people.
func (a *app) checks(mongo, temporal func(context.Context) error, live <-chan struct{}) []web.Check {
	return append([]web.Check{
		{Name: "mongodb", Check: mongo},
		{Name: "temporal", Check: temporal},
		{Name: "kafka", Check: a.cluster.Ping},
		{Name: "live", Check: func(context.Context) error {
			select {
			case <-live:
				return nil
			default:
				return errors.New("the readers of the live feed are not connected yet")
			}
		}},
	}, a.handsChecks()...)
}

// health serves what operators ask of a process that serves nobody else.
func (a *app) health(ctx context.Context) error {
	checks := append([]web.Check{{Name: "kafka", Check: a.cluster.Ping}}, a.handsChecks()...)
	server := &web.Server{Checks: checks, Phases: a.phases(), Registry: a.registry, Log: a.log}
	return a.listen(ctx, a.HealthListen, server, nil)
}
