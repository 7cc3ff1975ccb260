package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	subscribers    = 20_000
	subscriberRuns = 10               // that they follow, each as many
	audience       = 5_000            // of one process: a process may have so many files
	listening      = 30 * time.Second // what is measured of it
	audienceWord   = "-audience"      // says that a process is one
)

// tickScript prints the time each second, in nanoseconds.
const tickScript = "import time\nfor i in range(280):\n    print('tick', time.time_ns(), flush=True)\n    time.sleep(1)\n"

var tick = regexp.MustCompile(`tick (\d{19})`)

// subscribe has very many follow a few runs, over two web processes, and
// measures what one more costs, and from the publishing of a chunk of output
// until it is at each client.
func subscribe(ctx context.Context) error {
	fmt.Printf("%d subscribers of %d runs, over two web processes, in %d processes of clients; each run prints a line a second\n", subscribers, subscriberRuns, subscribers/audience)
	return with(ctx, []string{"web", "worker", "bridge", "kube"}, func(ctx context.Context, w *watcher) error {
		if err := w.startWeb(ctx, "web-2"); err != nil {
			return err
		}
		published, err := w.watchTicks(ctx)
		if err != nil {
			return err
		}
		var ids []string
		for range subscriberRuns {
			id, err := w.submitFor(ctx, tickScript, 5*time.Minute)
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		before, began := w.resident("web", "web-2"), time.Now()
		var crowd []*audienceProcess
		defer func() {
			for _, a := range crowd {
				_ = a.cmd.Process.Kill()
				_ = a.cmd.Wait()
			}
		}()
		for i := range subscribers / audience {
			a, err := startAudience(ctx, w.webs[i%len(w.webs)], ids)
			if err != nil {
				return err
			}
			crowd = append(crowd, a)
		}
		for _, a := range crowd {
			if err := a.hear("ready"); err != nil {
				return err
			}
		}
		fmt.Printf("  %-46s %7.1f\n", "seconds until all had the present state", time.Since(began).Seconds())
		fmt.Printf("  %-46s %7.1f\n", "KiB of the web processes for a subscriber", float64(w.resident("web", "web-2")-before)/subscribers)
		var took []time.Duration
		for _, a := range crowd {
			a.say("go")
		}
		select {
		case <-time.After(listening):
		case <-ctx.Done():
			return ctx.Err()
		}
		for _, a := range crowd {
			a.say("stop")
		}
		frames := 0
		for _, a := range crowd {
			heard, err := a.report()
			if err != nil {
				return err
			}
			for ns, after := range heard {
				at, ok := published.at(ns)
				frames += len(after)
				for _, us := range after {
					if ok {
						took = append(took, time.Unix(0, ns).Add(time.Duration(us)*time.Microsecond).Sub(at))
					}
				}
			}
		}
		fmt.Printf("  %-46s %7.0f\n", "frames a second at clients", float64(frames)/listening.Seconds())
		row("  chunk published → at the client", took)
		fmt.Println("  (the time of the publishing is to the millisecond)")
		for _, id := range ids {
			if r, err := send(ctx, http.MethodPost, w.server+"/api/v1/executions/"+id+"/cancel", nil); err == nil {
				_ = r.Body.Close()
			}
		}
		return nil
	}, slots(subscriberRuns)...)
}

// ticks is when each was published.
type ticks struct {
	mu sync.Mutex
	of map[int64]time.Time
}

func (t *ticks) at(ns int64) (time.Time, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.of[ns]
	return at, ok
}

// watchTicks notes when what tickScript prints is published. Output stands in
// its messages as it was printed.
func (w *watcher) watchTicks(ctx context.Context) (*ticks, error) {
	broker, topic := strings.Split(os.Getenv("CODESAGA_KAFKA_BROKERS"), ",")[0], w.prefix+"execution_output"
	conn, err := kafka.DialContext(ctx, "tcp", broker)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	partitions, err := conn.ReadPartitions(topic)
	if err != nil {
		return nil, err
	}
	t := &ticks{of: map[int64]time.Time{}}
	for _, p := range partitions {
		r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{broker}, Topic: topic, Partition: p.ID, MaxWait: time.Second, MinBytes: 1, MaxBytes: 4 << 20})
		go func() {
			defer func() { _ = r.Close() }()
			for {
				m, err := r.ReadMessage(ctx)
				if err != nil {
					return
				}
				t.mu.Lock()
				for _, found := range tick.FindAllSubmatch(m.Value, -1) {
					ns, _ := strconv.ParseInt(string(found[1]), 10, 64)
					t.of[ns] = m.Time
				}
				t.mu.Unlock()
			}
		}()
	}
	return t, nil
}

// audienceProcess is a process with very many streams open.
type audienceProcess struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startAudience(ctx context.Context, server string, ids []string) (*audienceProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	a := &audienceProcess{cmd: exec.CommandContext(ctx, self, append([]string{audienceWord, server}, ids...)...)}
	a.cmd.Stderr = os.Stderr
	if a.in, err = a.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	a.out = bufio.NewReader(out)
	return a, a.cmd.Start()
}

// hear waits for word.
func (a *audienceProcess) hear(word string) error {
	line, err := a.out.ReadString('\n')
	if err == nil && line != word+"\n" {
		err = fmt.Errorf("an audience says %q, not %s", line, word)
	}
	return err
}

func (a *audienceProcess) say(word string) { _, _ = io.WriteString(a.in, word+"\n") }

// report is what it heard: of each tick, how long after it each client had it,
// in microseconds.
func (a *audienceProcess) report() (heard map[int64][]int64, err error) {
	return heard, json.NewDecoder(a.out).Decode(&heard)
}

// runAudience is the process: audience streams of server, in turn of each of
// ids. Between "go" and "stop" on its stdin it notes what comes.
func runAudience(ctx context.Context, server string, ids []string) error {
	var mu sync.Mutex
	heard, open := map[int64][]int64{}, false
	errs, ready := make(chan error, audience), make(chan bool, audience)
	gate := make(chan bool, 64) // that many connect at a time
	for i := range audience {
		go func() {
			gate <- true
			first := true
			errs <- listen(ctx, server, ids[i%len(ids)], func(event, data string) {
				if event == "status" && first {
					first = false
					<-gate
					ready <- true
				}
				now := time.Now()
				mu.Lock()
				defer mu.Unlock()
				for _, found := range tick.FindAllStringSubmatch(data, -1) {
					if ns, _ := strconv.ParseInt(found[1], 10, 64); open && event == "output" {
						heard[ns] = append(heard[ns], now.Sub(time.Unix(0, ns)).Microseconds())
					}
				}
			})
		}()
	}
	for range audience {
		select {
		case err := <-errs:
			return fmt.Errorf("a stream ended: %w", err)
		case <-ready:
		}
	}
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		mu.Lock()
		open = in.Text() == "go"
		mu.Unlock()
		if in.Text() == "stop" {
			break
		}
	}
	select {
	case err := <-errs:
		return fmt.Errorf("a stream ended: %w", err)
	default:
	}
	mu.Lock()
	defer mu.Unlock()
	return json.NewEncoder(os.Stdout).Encode(heard)
}

// listen reads a stream until it ends, which is an error.
func listen(ctx context.Context, server, id string, take func(event, data string)) error {
	r, err := send(ctx, http.MethodGet, server+"/api/v1/executions/"+id+"/stream", nil)
	if err != nil {
		return err
	}
	defer func() { _ = r.Body.Close() }()
	if r.StatusCode != http.StatusOK {
		return errors.New(r.Status)
	}
	err = eachFrame(r.Body, func(_, event, data string) error { take(event, data); return nil })
	return errors.Join(err, io.ErrUnexpectedEOF)
}
