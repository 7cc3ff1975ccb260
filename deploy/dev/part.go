package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"time"
)

const (
	temporalAddress = "127.0.0.1:7233"
	temporalUI      = "127.0.0.1:8233"
	kafkaAddress    = "127.0.0.1:9092"
	registryAddress = "127.0.0.1:8081"
	registryURL     = "http://" + registryAddress + "/apis/ccompat/v7"
	mongoAddress    = "127.0.0.1:27017"
	mongoURI        = "mongodb://" + mongoAddress + "/?directConnection=true&retryWrites=false" // this server looks through all it has to remember of them, at each write
	etcdAddress     = "127.0.0.1:12379"
	apiAddress      = "127.0.0.1:16443"
)

// A Part is one process of the stack.
type Part struct {
	Name string
	// For is the setting that, given, stands for this part.
	For string
	// Needs are ready before this part starts, and stop after it.
	Needs []string
	// Listens are host:port, the first being the part's address.
	Listens []string
	// Args is the command line.
	Args func() []string
	Env  []string
	// Before prepares what must be there at each start; nil if there is nothing.
	Before func(ctx context.Context) error
	// Ready asks the part once; began is when the process was started.
	Ready func(ctx context.Context, began time.Time) error
	// After does what is to be done before others may start; nil if there is nothing.
	After func(ctx context.Context) error
	// Patience is how long it may take to become ready, Grace how long to end.
	Patience, Grace time.Duration
}

// folders are the parts' places in the cache.
type folders map[string]string

func cacheFolders(dirs Dirs) (folders, error) {
	all := folders{}
	for _, r := range recipes {
		dir, err := r.folder(dirs)
		if err != nil {
			return nil, err
		}
		all[r.Name] = dir
	}
	return all, nil
}

// parts are all that is not given, in the order in which they are listed.
func parts(dirs Dirs, cache folders, given map[string]string) []*Part {
	all := append(messaging(dirs, cache), cluster(dirs, cache)...)
	var ours []*Part
	for _, p := range all {
		if given[p.For] == "" {
			ours = append(ours, p)
		}
	}
	return ours
}

// messaging are the parts beside Kubernetes.
func messaging(dirs Dirs, cache folders) []*Part {
	kafka := kafkaArgs(dirs, cache["kafka"])
	return []*Part{
		{
			Name: "temporal", For: "CODESAGA_TEMPORAL_ADDRESS", Listens: []string{temporalAddress, temporalUI},
			Patience: time.Minute, Grace: 10 * time.Second,
			Args: func() []string {
				return []string{
					cache["temporal"] + "/temporal", "server", "start-dev", "--ip", "127.0.0.1", "--port", port(temporalAddress),
					"--ui-ip", "127.0.0.1", "--ui-port", port(temporalUI), "--db-filename", filepath.Join(dirs.State, "temporal", "temporal.db"),
					"--dynamic-config-value", "matching.enableFairness=true", "--log-level", "warn", "--log-format", "json",
					"--disable-config-file", "--disable-config-env",
				}
			},
			Ready: func(ctx context.Context, _ time.Time) error {
				if err := probeTemporal(ctx, temporalAddress); err != nil {
					return err
				}
				return probeHTTP(ctx, "http://"+temporalUI+"/")
			},
		},
		{
			Name: "kafka", For: "CODESAGA_KAFKA_BROKERS", Listens: []string{kafkaAddress, "127.0.0.1:9093"},
			Patience: time.Minute, Grace: 20 * time.Second,
			Args:   func() []string { return append(kafka("-Xmx512m"), "kafka.Kafka", dirs.State+"/etc/kafka.properties") },
			Before: func(ctx context.Context) error { return formatKafka(ctx, dirs, kafka("-Xmx128m")) },
			Ready:  func(ctx context.Context, _ time.Time) error { return probeKafka(ctx, kafkaAddress) },
		},
		{
			Name: "registry", For: "CODESAGA_SCHEMA_REGISTRY_URL", Needs: []string{"kafka"}, Listens: []string{registryAddress},
			Patience: 2 * time.Minute, Grace: 10 * time.Second,
			// Its journal is a topic in Kafka, which its admin client creates: auto-creation is off.
			Env: []string{
				"APICURIO_STORAGE_KIND=kafkasql", "APICURIO_KAFKASQL_BOOTSTRAP_SERVERS=" + kafkaAddress,
				"QUARKUS_HTTP_HOST=127.0.0.1", "QUARKUS_HTTP_PORT=" + port(registryAddress), "QUARKUS_LOG_FILE_ENABLE=false",
			},
			// The first compiler alone: it starts in half the time, and serves a few hundred schemas.
			Args: func() []string {
				return []string{"java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
					"-jar", registryJar(cache["registry"])}
			},
			Ready: func(ctx context.Context, _ time.Time) error { return probeHTTP(ctx, registryURL+"/subjects") },
		},
		{
			Name: "mongo", For: "CODESAGA_MONGO_URI", Listens: []string{mongoAddress}, Patience: time.Minute, Grace: 15 * time.Second,
			// Without --sync-on-commit a SIGKILL loses the last acknowledged writes. An empty configuration file keeps it
			// from looking for one in the home folder.
			Args: func() []string {
				return []string{
					cache["mongo"] + "/venv/bin/secantusd-py", "--config", dirs.State + "/etc/secantusd.toml", "--host", "127.0.0.1",
					"--port", port(mongoAddress), "--storage-path", filepath.Join(dirs.State, "mongo"), "--cache-size", "256M",
					"--sync-on-commit", "--log-level", "WARNING",
				}
			},
			Ready: func(ctx context.Context, _ time.Time) error { return probeMongo(ctx, mongoAddress) },
		},
	}
}

// kafkaArgs is the start of Kafka's command lines.
func kafkaArgs(dirs Dirs, jars string) func(heap string) []string {
	return func(heap string) []string {
		return []string{"java", heap, "-XX:+UseSerialGC", "-Xshare:auto", "-Dlog4j2.configurationFile=" + dirs.State + "/etc/log4j2.properties",
			"-cp", jars + "/*"}
	}
}

// registryJar is the one jar at the top of the archive.
func registryJar(dir string) string {
	found, _ := filepath.Glob(dir + "/*-runner.jar")
	if len(found) != 1 {
		return dir + "/apicurio-registry-app-runner.jar" // java says that it is not there
	}
	return found[0]
}

// port of an address that is a constant above.
func port(address string) string {
	_, p, err := net.SplitHostPort(address)
	if err != nil {
		panic(err) // a constant above
	}
	return p
}

// portNumber of an address that is a constant above.
func portNumber(address string) int {
	n, err := strconv.Atoi(port(address))
	if err != nil {
		panic(fmt.Sprintf("%s: %v", address, err))
	}
	return n
}
