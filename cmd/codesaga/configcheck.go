package main

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/codesaga/codesaga/bridge"
	"github.com/codesaga/codesaga/callback"
	"github.com/codesaga/codesaga/execution"
)

// check reports all that is wrong with the settings.
func (c *Config) check() (errs error) {
	wrong := func(ok bool, format string, args ...any) {
		if !ok {
			errs = errors.Join(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(c.StartTimeout >= 10*time.Second && c.StartTimeout <= 10*time.Minute, "start-timeout: must be 10s to 10m")
	if fields, _ := errors.AsType[execution.FieldErrors](c.policy().Validate()); len(fields) > 0 {
		flags := strings.NewReplacer("max_executions", "max-concurrent-executions", "cpu_millis", "pool-cpu-millis", "memory_bytes", "pool-memory-bytes", "reserve_percent", "pool-reserve-percent", "overcommit", "pool-overcommit", "_", "-")
		for _, f := range fields {
			wrong(false, "%s: must be %s", flags.Replace(f.Field), f.Rule)
		}
	}
	wrong(replayPrefix.MatchString(c.ReplayPrefix) && !strings.HasPrefix(c.ReplayPrefix, bridge.TasksTopic), "replay-topic-prefix: must be 2 to 50 of a-z, 0-9, _ and -, with a dot at the end, and not that of tasks")
	wrong(c.ReplayLife >= time.Hour && c.ReplayLife <= 365*24*time.Hour, "replay-retention: must be 1h to 8760h")
	wrong(c.EventLife >= 7*24*time.Hour && c.EventLife <= 365*24*time.Hour, "event-retention: must be 168h to 8760h")
	wrong(c.LettersWarning >= 1 && c.LettersWarning <= 1_000_000, "letters-warning: must be 1 to 1000000")
	wrong(c.LettersCritical >= c.LettersWarning && c.LettersCritical <= 1_000_000, "letters-critical: must be letters-warning to 1000000")
	wrong(c.LettersAge >= time.Minute && c.LettersAge <= 720*time.Hour, "letters-age: must be 1m to 720h")
	wrong(c.LettersURL == "" || c.CallbackSecret != "", "letters-url: needs callback-secret")
	for _, name := range list(c.Notify) {
		wrong(execution.Status(name).Terminal() || c.Notify == "none", "notify: %q is none of completed, failed, timeout, error and cancelled", name)
	}
	wrong(slices.Contains([]string{"none", "otlp-http", "otlp-grpc", "stdout"}, c.TraceExporter), "trace-exporter: must be none, otlp-http, otlp-grpc or stdout")
	wrong(c.TraceEndpoint == "" || strings.HasPrefix(c.TraceEndpoint, "http://") || strings.HasPrefix(c.TraceEndpoint, "https://"), "trace-endpoint: must be an http or https URL")
	wrong(c.TraceRatio >= 0 && c.TraceRatio <= 1, "trace-sample-ratio: must be 0 to 1")
	wrong(traceURL(c.TraceURL), "trace-url: must be an http or https URL with {trace_id} in it")
	wrong((c.TLSCert == "") == (c.TLSKey == ""), "tls-cert-file: and tls-key-file need each other")
	wrong(c.MaxStreams >= 0 && c.MaxStreams <= 100, "max-streams-per-user: must be 0 to 100")
	wrong(c.Heartbeat >= 5*time.Second && c.Heartbeat <= time.Minute, "stream-heartbeat: must be 5s to 60s")
	wrong(c.DrainNotify >= 0 && c.DrainNotify <= 5*time.Minute, "drain-notify: must be 0s to 5m")
	wrong(c.DrainStreams >= 0 && c.DrainStreams <= 5*time.Minute, "drain-streams: must be 0s to 5m")
	wrong(c.DrainClose >= time.Second && c.DrainClose <= 5*time.Minute, "drain-close: must be 1s to 5m")
	_, err := bridge.Reshape(bridge.Topics(list(c.Pools)...), c.Topics)
	wrong(err == nil, "topics: %v", err)
	wrong(c.Replication >= 1, "topic-replication: must be at least 1")
	wrong(c.Kafka != "", "kafka-brokers: must not be empty")
	_, err = execution.ParseEgress(c.EgressAllowed)
	wrong(err == nil, "egress-allowed: %v", err)
	wrong(c.LinkSecret == "" || len(c.LinkSecret) >= 32, "link-secret: must have at least 32 characters")
	for _, user := range list(c.Operators) {
		wrong(execution.ValidUser(user), "operators: %q cannot be a user", user)
	}
	for _, pool := range list(c.Pools) {
		wrong(execution.ValidPool(pool), "pools: %q: a name has 1 to 40 of a-z, 0-9 and -", pool)
	}
	wrong(len(list(c.Pools)) > 0, "pools: must not be empty")
	_, err = callback.ParseSecrets(c.CallbackSecret)
	wrong(err == nil, "callback-secret: %v", err)
	_, err = callback.ParsePorts(c.CallbackPorts)
	wrong(err == nil, "callback-ports: %v", err)
	wrong(execution.ValidPool(c.Pool), "pool: %q: a name has 1 to 40 of a-z, 0-9 and -", c.Pool)
	_, err = pairs(c.NodeSelector)
	wrong(err == nil, "%v", err)
	wrong(!c.Prepull || !c.InitContainer, "prepull: needs image volumes, and -init-container says that there are none")
	host, _, err := net.SplitHostPort(c.Listen)
	wrong(err == nil, "listen: %v", err)
	wrong(err != nil || c.InsecureListen || loopback(host),
		"listen: %s can be reached from elsewhere, and nobody has to sign in: anybody could run scripts. "+
			"Listen on 127.0.0.1 behind a proxy that authenticates, or say -insecure-listen", c.Listen)
	return errs
}
