package bridge

import (
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hamba/avro/v2"
	"github.com/riferrei/srclient"

	"github.com/codesaga/codesaga/execution"
)

var update = flag.Bool("update", false, "write the golden files anew")

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// shelf is a registry by hand: it knows what stands on it, by ID.
type shelf struct {
	mu      sync.Mutex
	schemas map[int]string
	levels  map[string]srclient.CompatibilityLevel
	down    error
	asked   int
}

// stocked has the schemas of today, from ID 1.
func stocked() *shelf {
	s := &shelf{schemas: make(map[int]string)}
	for i, topic := range contracted {
		s.schemas[i+1] = schemaOf(topic)
	}
	return s
}

var nothing = srclient.Error{Code: 40403, Message: "nothing there"}

func (s *shelf) LookupSchema(_, text string, _ srclient.SchemaType, _ ...srclient.Reference) (*srclient.Schema, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	for id, known := range s.schemas {
		if known == text && s.down == nil {
			return srclient.NewSchema(id, text, srclient.Avro, 1, nil, nil, nil)
		}
	}
	return nil, s.answer()
}

func (s *shelf) GetSchema(id int) (*srclient.Schema, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if text, ok := s.schemas[id]; ok && s.down == nil {
		return srclient.NewSchema(id, text, srclient.Avro, 1, nil, nil, nil)
	}
	return nil, s.answer()
}

func (s *shelf) answer() error {
	if s.down != nil {
		return s.down
	}
	return nothing
}

func (s *shelf) set(id int, text string, down error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.schemas[id], s.down = text, down
}

// Examples with every field set, so that each has to make it through.
var (
	usage = &execution.Usage{
		StartedAt: new(noon), FinishedAt: new(noon.Add(31 * time.Millisecond)), WallSeconds: 0.031, CPUSeconds: 0.024,
		PeakMemoryBytes: 9_100_000, OOMKilled: true, ExitCode: new(int32(137)), Signal: "SIGKILL",
	}
	printed = &execution.Output{Chunks: 3, StdoutBytes: 12, StderrBytes: 3, StdoutTruncated: true, StderrTruncated: true, Incomplete: true}
	outcome = execution.Outcome{
		Status: execution.Failed, ErrorType: "resource_limit", Limit: "memory", Reason: "because", Message: "too much", ExitCode: new(int32(137)), Signal: "SIGKILL",
	}
	limits = execution.Limits{TimeoutSeconds: 30, CPUMillis: 1000, MemoryBytes: 128 << 20, OutputBytes: 1 << 20, Processes: 64, DiskBytes: 64 << 20}

	anEvent = execution.Event{
		ID: "x1/kube/execution_failed", Type: execution.ExecutionFailed, ExecutionID: "x1", UserID: "u1", Source: "kube", At: noon, CorrelationID: "c1",
		Request: &execution.Request{Language: "python", Version: "3.11", ScriptSHA256: "e3b0", Priority: execution.High, Pool: "gpu", Limits: limits, Attempt: 2},
		Queue:   &execution.Queue{Position: 3, ETASeconds: 4.5},
		Pod:     &execution.Pod{Name: "p", Namespace: "n", Node: "o", ContainerID: "c", Reason: "r", Message: "m"},
		Outcome: &outcome, Usage: usage, Output: printed, Saga: &execution.Saga{Step: "CreatePod", Cause: "no room"},
	}
	aTask = execution.Task{
		Action: execution.Create, ExecutionID: "x1", UserID: "u1", Pool: "gpu", Language: "python", Attempt: 2, CorrelationID: "c1", NotAfter: new(noon),
		Program: &execution.Program{Image: "python@sha256:0", FileName: "main.py", Compile: []string{"cc", "-o"}, Run: []string{"python"}, Env: []execution.Pair{{Name: "A", Value: "b"}}},
		Input: &execution.Input{
			Script: "print('é')", Args: []string{"a", ""}, Stdin: "in\x00", Env: []execution.Pair{{Name: "C", Value: "d"}},
			Files: []execution.File{{Path: "d/x", Content: []byte{0, 255}}},
		},
		Limits: &limits,
	}
	aChunk  = execution.Chunk{ExecutionID: "x1", Number: 7, Stream: execution.Stderr, Position: 99, Bytes: []byte("o\xff"), At: noon}
	aResult = execution.Result{
		ExecutionID: "x1", UserID: "u1", StoredAt: noon, Outcome: outcome, Usage: usage, Output: printed,
		Stdout: []byte("1\n"), Stderr: []byte{0xff}, OutputURL: "/api/v1/executions/x1/output?stream=",
	}
)

var aNotice = execution.Notice{
	ID: "u1/exec:x1", UserID: "u1", Severity: execution.SeverityHigh, Subject: "python run failed", Body: "é", Tags: []string{"execution", "failed"}, ExecutionID: "x1", At: noon,
}

var aNews = execution.PlatformEvent{
	ID: "l1/discarded/2/1", Type: execution.LetterDiscardedEvent, Source: "letters", UserID: "op", At: noon,
	Letter: &execution.LetterNews{ID: "l1", Topic: "execution_events", Partition: 3, Offset: 9, Group: "projector", EventType: "pod_running", ExecutionID: "x1", Class: "invalid", Round: 2, Note: "é"},
}

func roundTrip[T any](t *testing.T, c *Codec[T], want T) {
	t.Helper()
	b, err := c.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Decode(b)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	for n := range b { // wherever it is cut off
		if _, err := c.Decode(b[:n]); execution.KindOf(err) != execution.Invalid {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	if _, err := c.Decode(append(b, 0)); execution.KindOf(err) != execution.Invalid {
		t.Errorf("with a byte too many: %v", err)
	}
}

func TestCodecRoundTrip(t *testing.T) {
	c := codecs(stocked(), "")
	roundTrip(t, c.Events, anEvent)
	roundTrip(t, c.Events, execution.NewEvent("x1", "u1", "saga", execution.SagaStarted, noon))
	roundTrip(t, c.Tasks, aTask)
	roundTrip(t, c.Tasks, execution.Task{Action: execution.Delete, ExecutionID: "x1"})
	roundTrip(t, c.Chunks, aChunk)
	roundTrip(t, c.Results, aResult)
	roundTrip(t, c.Notices, aNotice)
	roundTrip(t, c.Platform, aNews)
	roundTrip(t, c.Results, execution.Result{ExecutionID: "x1", StoredAt: noon, Outcome: execution.Outcome{Status: execution.Cancelled}})
}

// The largest task that is allowed makes it through.
func TestCodecTakesLargeTasks(t *testing.T) {
	c := codecs(stocked(), "").Tasks
	large := execution.Task{Action: execution.Create, ExecutionID: "x1", Input: &execution.Input{
		Script: strings.Repeat("s", 200_000), Stdin: strings.Repeat("i", 700_000), Files: []execution.File{{Path: "x", Content: make([]byte, 1<<20)}},
	}}
	b, err := c.Encode(large)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Decode(b); err != nil || got.Input.Script != large.Input.Script || got.Input.Stdin != large.Input.Stdin || len(got.Input.Files[0].Content) != 1<<20 {
		t.Error(err)
	}
	for _, n := range []int{10, 200_010, len(b) / 2, len(b) - 1} {
		if _, err := c.Decode(b[:n]); execution.KindOf(err) != execution.Invalid {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
}

// What was written under a past schema is read today, and what is written
// today is read by those who have not been updated yet.
func TestSchemasEvolve(t *testing.T) {
	past, err := filepath.Glob("schema/past/*.avsc")
	if err != nil || len(past) < len(contracted) {
		t.Fatalf("no past schemas: %v", err)
	}
	for _, file := range past {
		topic, _, _ := strings.Cut(filepath.Base(file), ".")
		today, err := parse(schemaOf(topic))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		before, err := parse(string(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := avro.NewSchemaCompatibility().Compatible(today, before); err != nil {
			t.Errorf("today's reader, %s: %v", file, err)
		}
		if err := avro.NewSchemaCompatibility().Compatible(before, today); err != nil {
			t.Errorf("reader of %s, today's writer: %v", file, err)
		}
	}
}

// Golden bytes are what was written once, and lies in topics for 90 days.
func TestGoldenBytesAreReadForEver(t *testing.T) {
	files, err := filepath.Glob("schema/past/*.avsc")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".avsc")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r := stocked()
		r.schemas[0x0102] = string(text)
		c := codecs(r, "")
		switch topic, _, _ := strings.Cut(name, "."); topic {
		case EventsTopic:
			golden(t, c.Events, name, anEvent)
		case TasksTopic:
			golden(t, c.Tasks, name, aTask)
		case OutputTopic:
			golden(t, c.Chunks, name, aChunk)
		case ResultsTopic:
			golden(t, c.Results, name, aResult)
		case NotificationsTopic:
			golden(t, c.Notices, name, aNotice)
		case PlatformTopic:
			golden(t, c.Platform, name, aNews)
		default:
			t.Errorf("%s: no such topic", name)
		}
	}
}

func golden[T any](t *testing.T, c *Codec[T], name string, want T) {
	t.Helper()
	file := "testdata/" + name + ".hex"
	if *update {
		body, err := api.Marshal(c.schema, want)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(hex.EncodeToString(append([]byte{0, 0, 0, 1, 2}, body...))+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Decode(b)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Errorf("%s: %v %s", name, err, diff)
	}
}
