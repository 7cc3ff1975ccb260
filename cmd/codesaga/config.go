package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/web"
)

// Config is everything that may differ between two installations. Flags win
// over the environment, the environment over defaults; the variable of
// -mongo-uri is CODESAGA_MONGO_URI. No package but this one reads them.
type Config struct {
	Listen         string
	InsecureListen bool
	AllowedHosts   string // with commas between
	TLSCert        string // file, in PEM
	TLSKey         string // likewise
	MaxStreams     int    // of a user
	Heartbeat      time.Duration
	DrainNotify    time.Duration
	DrainStreams   time.Duration
	DrainClose     time.Duration
	UserHeader     string
	Operators      string // likewise
	EgressAllowed  string // see execution.ParseEgress
	LinkSecret     string
	Pools          string // with commas between
	HealthListen   string
	MongoURI       string
	Database       string
	Kafka          string // brokers, with commas between
	TopicPrefix    string
	Topics         string // see bridge.Reshape
	Replication    int
	Registry       string
	Temporal       string
	TemporalNS     string
	TemporalUI     string
	Kubeconfig     string
	Namespace      string // of Kubernetes, where scripts run
	Pool           string // that the role kube serves
	NodeSelector   string // name=value, with commas between
	Prepull        bool
	RunnerImage    string
	RuntimeClass   string
	UserNamespaces bool
	InitContainer  bool
	StartTimeout   time.Duration
	Languages      string
	LocalImages    bool
	Concurrent     int
	PoolCPU        int64
	PoolMemory     int64
	PoolReserve    float64
	PoolOvercommit float64
	UserRunning    int
	UserQueued     int
	Queued         int
	QueueSeconds   float64
	AgeingSeconds  float64
	CallbackSecret string // see callback.ParseSecrets
	CallbackPorts  string // numbers with commas between, or any
	CallbackInner  bool
	ReplayPrefix   string        // of topics
	ReplayLife     time.Duration // of sessions that have ended
	EventLife      time.Duration // of events in the store

	TraceExporter string
	TraceEndpoint string
	TraceRatio    float64
	TraceContinue bool
	TraceURL      string

	LettersWarning  int64 // dead letters that wait
	LettersCritical int64
	LettersAge      time.Duration // of the oldest
	LettersURL      string
	Notify          string // endings, with commas between
	LogLevel        string
}

// settings declares a flag for each setting.
func (c *Config) settings(fs *flag.FlagSet) {
	fs.StringVar(&c.Listen, "listen", "127.0.0.1:8080", "address of the API and the page")
	fs.BoolVar(&c.InsecureListen, "insecure-listen", false, "allow -listen on other addresses than loopback, although nobody has to sign in")
	fs.StringVar(&c.AllowedHosts, "allowed-hosts", "", "names, beside localhost, under which a proxy in front may ask for the API, with commas between")
	fs.StringVar(&c.TLSCert, "tls-cert-file", "", "certificate of -listen and those above it, in PEM, for TLS; read again when it changes; empty: no TLS")
	fs.StringVar(&c.TLSKey, "tls-key-file", "", "key of -tls-cert-file, in PEM")
	fs.IntVar(&c.MaxStreams, "max-streams-per-user", 10, "streams of one user that may be open at once in each process, 1 to 100; 0: any number")
	fs.DurationVar(&c.Heartbeat, "stream-heartbeat", web.DefaultHeartbeat, "time after which a silent stream says that it lives, 5s to 60s")
	fs.DurationVar(&c.DrainNotify, "drain-notify", 5*time.Second, "time, at a stop, in which streams go on after their clients were told to go elsewhere, 0s to 5m; when no stream is left, nothing is waited for")
	fs.DurationVar(&c.DrainStreams, "drain-streams", 30*time.Second, "time, after that, in which the streams that are left are ended, one after the other, 0s to 5m")
	fs.DurationVar(&c.DrainClose, "drain-close", 10*time.Second, "time, after that, in which requests may come to their end before they are cut off, 1s to 5m")
	fs.StringVar(&c.UserHeader, "user-header", "", "header in which a proxy in front, that has asked people to sign in, says who it is; empty: everybody is the user local")
	fs.StringVar(&c.Operators, "operators", "", "users with the rights of an operator, with commas between; without -user-header, local is one")
	fs.StringVar(&c.EgressAllowed, "egress-allowed", "", "where scripts may ask to connect to: CIDR[:port[-port]], with commas between; empty: nowhere")
	fs.StringVar(&c.LinkSecret, "link-secret", "", "secret that signs links to artifacts, at least 32 characters, the same for all processes; empty: one of each process, for its life")
	fs.StringVar(&c.Pools, "pools", "default", "pools that executions may ask for, with commas between; the first is that of who asks for none")
	fs.StringVar(&c.HealthListen, "health-listen", "", "address of /healthz, /readyz and /metrics of a process without the role web; empty: none")
	fs.StringVar(&c.MongoURI, "mongo-uri", "mongodb://127.0.0.1:27017/?directConnection=true", "MongoDB")
	fs.StringVar(&c.Database, "mongo-database", "codesaga", "database in MongoDB")
	fs.StringVar(&c.Kafka, "kafka-brokers", "127.0.0.1:9092", "Kafka brokers, with commas between")
	fs.StringVar(&c.TopicPrefix, "topic-prefix", "", "in front of the names of topics, subjects and consumer groups")
	fs.StringVar(&c.Topics, "topics", "", "how topics are to be, where that is not as deploy/SIZING.md says: NAME:option=value with commas between options and spaces between topics, * for all; options are partitions, retention, max-message-bytes and compression; setup makes it true")
	fs.IntVar(&c.Replication, "topic-replication", 1, "replicas of each topic that setup creates")
	fs.StringVar(&c.Registry, "schema-registry-url", "http://127.0.0.1:8081/apis/ccompat/v7", "schema registry with the Confluent API")
	fs.StringVar(&c.Temporal, "temporal-address", "127.0.0.1:7233", "Temporal frontend")
	fs.StringVar(&c.TemporalNS, "temporal-namespace", "codesaga", "namespace of Temporal")
	fs.StringVar(&c.TemporalUI, "temporal-ui-url", "", "Temporal UI that the page links to; empty: no link")
	fs.StringVar(&c.Kubeconfig, "kubeconfig", "", "how to reach Kubernetes; empty: $KUBECONFIG, else as a pod of the cluster")
	fs.StringVar(&c.Namespace, "pod-namespace", "codesaga-scripts", "Kubernetes namespace that scripts run in")
	fs.StringVar(&c.Pool, "pool", "default", "pool whose runs the role kube does, in -pod-namespace; each pool needs a worker, and best a namespace, of its own")
	fs.StringVar(&c.NodeSelector, "node-selector", "", "labels of the nodes that scripts may run on, name=value with commas between; empty: all")
	fs.BoolVar(&c.Prepull, "prepull", false, "setup has every node pull the images of all languages before runs need them; needs image volumes")
	fs.StringVar(&c.RunnerImage, "runner-image", "codesaga/runner:dev", "image that carries the runner")
	fs.StringVar(&c.RuntimeClass, "runtime-class", "", "RuntimeClass of pods, such as gvisor; empty: the cluster's default")
	fs.BoolVar(&c.UserNamespaces, "user-namespaces", true, "give each pod users of its own (Kubernetes 1.33 or later)")
	fs.BoolVar(&c.InitContainer, "init-container", false, "bring the runner into pods by an init container, where image volumes are not supported")
	fs.DurationVar(&c.StartTimeout, "start-timeout", time.Minute, "time a pod may take until its script starts, 10s to 10m")
	fs.StringVar(&c.Languages, "languages-dir", "", "folder of <id>/language.json that add to the built-in languages, or replace them")
	fs.BoolVar(&c.LocalImages, "local-images", false, "run languages in the images of the development cluster")
	fs.IntVar(&c.Concurrent, "max-concurrent-executions", 10, "executions that may run at once in each pool, 1 to 1000")
	fs.Int64Var(&c.PoolCPU, "pool-cpu-millis", 32_000, "CPU that each pool has, in thousandths of a core; 0: no limit")
	fs.Int64Var(&c.PoolMemory, "pool-memory-bytes", 64<<30, "memory that each pool has; 0: no limit")
	fs.Float64Var(&c.PoolReserve, "pool-reserve-percent", 10, "part of the CPU and memory of a pool that no execution gets, 0 to 50; 2 cores and 4 GiB at most")
	fs.Float64Var(&c.PoolOvercommit, "pool-overcommit", 1.2, "how often the rest may be given out, counted by the limits of executions, 1 to 10")
	fs.IntVar(&c.UserRunning, "max-running-per-user", 0, "executions of one user that may run at once in each pool, 1 to 1000; 0: as many as the pool runs")
	fs.IntVar(&c.UserQueued, "max-queued-per-user", 1000, "executions of one user that may wait for each pool, 1 to 10000; 0: as many as the queue holds")
	fs.IntVar(&c.Queued, "max-queued", 10_000, "executions that may wait for each pool, 1 to 50000")
	fs.Float64Var(&c.QueueSeconds, "max-queue-seconds", 3600, "time after which an execution that waits ends with queue_timeout, 60 to 86400; 0: never")
	fs.Float64Var(&c.AgeingSeconds, "ageing-seconds", 300, "time in which an execution that waits comes to count as one priority higher, 1 to 86400; 0: never")
	fs.StringVar(&c.CallbackSecret, "callback-secret", "", "secret that signs callbacks: whsec_ and 24 to 64 bytes in base64; while it is being replaced both, with a comma between; empty: there are no callbacks")
	fs.StringVar(&c.CallbackPorts, "callback-ports", "80,443", "ports that callbacks may go to, with commas between; any: all")
	fs.BoolVar(&c.CallbackInner, "callback-allow-private", false, "let callbacks go to addresses that only this network knows: for development and tests")
	fs.StringVar(&c.ReplayPrefix, "replay-topic-prefix", "replay.", "in front of the names of topics, behind -topic-prefix, that events may be replayed to: 2 to 50 of a-z, 0-9, _ and -, and a dot at the end")
	fs.DurationVar(&c.ReplayLife, "replay-retention", 48*time.Hour, "time that a session of replays is kept after its end, with its file, 1h to 8760h")
	fs.DurationVar(&c.EventLife, "event-retention", 90*24*time.Hour, "time that an event is kept in the event store, and one that was deleted in the archive, 168h to 8760h; setup makes it true")
	fs.Int64Var(&c.LettersWarning, "letters-warning", 100, "dead letters that wait from which on there is a warning, 1 to 1000000")
	fs.Int64Var(&c.LettersCritical, "letters-critical", 1000, "dead letters that wait from which on it is critical, letters-warning to 1000000")
	fs.DurationVar(&c.LettersAge, "letters-age", time.Hour, "age of the oldest dead letter that waits from which on there is a warning, 1m to 720h")
	fs.StringVar(&c.LettersURL, "letters-url", "", "URL that is told when the alarm about dead letters changes, signed with callback-secret, by the rules of callbacks; empty: none")
	fs.StringVar(&c.Notify, "notify", "completed,failed,timeout,error,cancelled", "endings of runs that their owners find in the inbox, with commas between; none: of no run")
	fs.StringVar(&c.TraceExporter, "trace-exporter", "none", "where spans go: none, otlp-http, otlp-grpc or stdout; with none the IDs of traces are passed on all the same")
	fs.StringVar(&c.TraceEndpoint, "trace-endpoint", "", "URL of a collector, such as http://127.0.0.1:4318; empty: what OTEL_EXPORTER_OTLP_ENDPOINT says, or this machine")
	fs.Float64Var(&c.TraceRatio, "trace-sample-ratio", 1, "part of the traces that is recorded, of those that nobody else has decided about, 0 to 1")
	fs.BoolVar(&c.TraceContinue, "trace-continue", false, "let requests be a part of the trace that their clients say, where clients are trusted; else it is only linked")
	fs.StringVar(&c.TraceURL, "trace-url", "", "URL where a trace is shown, with {trace_id} in it; empty: none")
	fs.StringVar(&c.LogLevel, "log-level", "info", "debug, info, warn or error")
}

// load reads the configuration and reports all that is wrong with it at once.
// It writes a usage text to out if asked for one.
func load(args []string, getenv func(string) string, out io.Writer) (Config, error) {
	return loadFor(new(order), args, getenv, out)
}

// loadFor is load with the flags and words of an order, which have no variables.
func loadFor(o *order, args []string, getenv func(string) string, out io.Writer) (Config, error) {
	var c Config
	fs := flag.NewFlagSet("codesaga", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // an error is one line, and whoever called prints it
	c.settings(fs)
	var settings []string
	fs.VisitAll(func(f *flag.Flag) { settings = append(settings, f.Name) })
	o.flags(fs)
	for more := true; more; { // words and flags come in any order
		if err := fs.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				fmt.Fprintln(out, "Each setting has a variable: that of -mongo-uri is CODESAGA_MONGO_URI.")
				fs.SetOutput(out)
				fs.PrintDefaults()
			}
			return c, err
		}
		if more = fs.NArg() > 0; more {
			o.words, args = append(o.words, fs.Arg(0)), fs.Args()[1:]
		}
	}
	if most := o.most(); len(o.words) > most {
		return c, fmt.Errorf("unexpected argument %q", o.words[most])
	}
	err := fromEnv(fs, settings, getenv)
	if c.Kubeconfig == "" {
		c.Kubeconfig = getenv("KUBECONFIG")
	}
	return c, errors.Join(err, c.check())
}

var replayPrefix = regexp.MustCompile(`^[a-z0-9_-]{1,49}\.$`)

// list is what has commas between in a setting.
func list(s string) (items []string) {
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// policy is how pools admit, as far as operators have set nothing else for one.
func (c *Config) policy() execution.PoolPolicy {
	return execution.PoolPolicy{
		Executions: c.Concurrent, CPUMillis: c.PoolCPU, MemoryBytes: c.PoolMemory,
		ReservePercent: c.PoolReserve, Overcommit: c.PoolOvercommit, UserRunning: c.UserRunning, UserQueued: c.UserQueued,
		Queued: c.Queued, MaxQueueSeconds: c.QueueSeconds, AgeingSeconds: c.AgeingSeconds,
	}
}

// pairs reads -node-selector.
func pairs(s string) (map[string]string, error) {
	var all map[string]string
	for _, item := range list(s) {
		name, value, ok := strings.Cut(item, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("node-selector: %q is not name=value", item)
		}
		if all == nil {
			all = make(map[string]string)
		}
		all[name] = value
	}
	return all, nil
}

// loopback reports whether host is this machine and nothing else.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// fromEnv sets the settings that were not given and have a variable.
func fromEnv(fs *flag.FlagSet, settings []string, getenv func(string) string) (errs error) {
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for _, setting := range settings {
		name := variable(setting)
		value := getenv(name)
		if value == "" || given[setting] {
			continue
		}
		if err := fs.Set(setting, value); err != nil {
			errs = errors.Join(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errs
}

// variable is the environment's name of the flag name.
func variable(name string) string {
	return "CODESAGA_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}
