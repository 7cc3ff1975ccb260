package bridge

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codesaga/codesaga/execution"
)

// A later version knows a part more, and a type that was not invented now. We
// read it and it reads us.
func TestCodecReadsTheFutureAndTheFutureReadsIt(t *testing.T) {
	type billing struct {
		Cents int64 `avro:"cents"`
	}
	type event struct {
		ID          string             `avro:"id"`
		Type        string             `avro:"type"`
		ExecutionID string             `avro:"execution_id"`
		At          time.Time          `avro:"occurred_at"`
		Outcome     *execution.Outcome `avro:"outcome"`
		Billing     *billing           `avro:"billing"`
	}
	later := strings.Replace(schemaOf(EventsTopic), `{"name": "saga",`, `{"name": "billing", "default": null, "type": ["null", {"type": "record", "name": "Billing", "fields": [
		{"name": "cents", "type": "long", "default": 0}]}]},
    {"name": "saga",`, 1)
	r := stocked()
	r.schemas[9] = later
	theirs, ours := newCodec[event](r, "execution_events-value", later), codecs(r, "").Events

	b, err := theirs.Encode(event{"x1/bank/billed", "billed", "x1", noon, &outcome, &billing{7}})
	if err != nil {
		t.Fatal(err)
	}
	want := execution.Event{ID: "x1/bank/billed", Type: "billed", ExecutionID: "x1", At: noon, Outcome: &outcome}
	for range 2 { // the second time from the cache
		got, err := ours.Decode(b)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
	}
	if b, err = ours.Encode(anEvent); err != nil {
		t.Fatal(err)
	}
	if got, err := theirs.Decode(b); err != nil || got.Type != "execution_failed" || got.Billing != nil || got.Outcome.Limit != "memory" {
		t.Errorf("in the future: got %+v, %v", got, err)
	}
}

// Every field is documented, and none is a map, which the decoder cannot cap.
func TestSchemasAreDocumented(t *testing.T) {
	for _, topic := range contracted {
		var schema any
		if err := json.Unmarshal([]byte(schemaOf(topic)), &schema); err != nil {
			t.Fatal(err)
		}
		documented(t, topic, schema)
	}
}

func documented(t *testing.T, at string, v any) {
	t.Helper()
	switch v := v.(type) {
	case []any:
		for _, each := range v {
			documented(t, at, each)
		}
	case map[string]any:
		name, _ := v["name"].(string)
		if _, isField := v["doc"]; !isField && name != "" && v["fields"] == nil {
			t.Errorf("%s.%s has no doc", at, name)
		}
		if v["type"] == "map" {
			t.Errorf("%s.%s is a map", at, name)
		}
		for _, key := range []string{"fields", "type", "items"} {
			documented(t, at+"."+name, v[key])
		}
	}
}

// The registry is asked once for each schema, at first use, and what is known
// outlives it. While nothing is known waiting helps; an ID that it does not
// have is poison.
func TestCodecOutlivesTheRegistry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := stocked()
		r.down = errors.New("connection refused")
		c := codecs(r, "").Events
		for range 3 {
			if _, err := c.Encode(anEvent); execution.KindOf(err) != execution.Unavailable {
				t.Fatalf("without a registry: %v", err)
			}
		}
		if r.asked != 1 {
			t.Errorf("asked %d times in a moment", r.asked)
		}
		time.Sleep(2 * time.Second)
		r.set(1, schemaOf(EventsTopic), nil)
		b, err := c.Encode(anEvent)
		if err != nil {
			t.Fatal(err)
		}
		r.set(1, schemaOf(EventsTopic), errors.New("502 Bad Gateway"))
		if _, err := c.Encode(anEvent); err != nil {
			t.Errorf("a schema that is known: %v", err)
		}
		if _, err := c.Decode(b); err != nil {
			t.Errorf("a schema that is known: %v", err)
		}
		foreign := append([]byte{0, 0, 0, 0, 77}, b[5:]...)
		if _, err := c.Decode(foreign); execution.KindOf(err) != execution.Unavailable {
			t.Errorf("a schema that may be known soon: %v", err)
		}
		r.set(1, schemaOf(EventsTopic), nil)
		if _, err := c.Decode(foreign); execution.KindOf(err) != execution.Unavailable {
			t.Errorf("a schema that does not exist yet: %v", err)
		}
		time.Sleep(denial)
		if _, err := c.Decode(foreign); execution.KindOf(err) != execution.Invalid {
			t.Errorf("a schema that does not exist: %v", err)
		}
	})
}

// A registry that has just started answers that it knows nothing. Nothing that
// was written under its schemas is poison for that.
func TestCodecWaitsForARegistryThatReadsItsJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := codecs(stocked(), "").Events.Encode(anEvent)
		if err != nil {
			t.Fatal(err)
		}
		empty := &shelf{schemas: make(map[int]string)}
		c := codecs(empty, "").Events
		for _, answer := range []error{nil, errors.New("404 Not Found"), errors.New("connection refused")} {
			empty.down = answer
			for range 3 {
				if _, err := c.Decode(b); execution.KindOf(err) != execution.Unavailable {
					t.Errorf("%v: %v", answer, err)
				}
				time.Sleep(denial)
			}
		}
		empty.set(1, schemaOf(EventsTopic), nil)
		if _, err := c.Decode(b); err != nil {
			t.Error(err)
		}
		if len(c.denied) != 0 {
			t.Errorf("%v is remembered", c.denied)
		}
	})
}

func FuzzDecode(f *testing.F) {
	c := codecs(stocked(), "")
	for _, encode := range []func() ([]byte, error){
		func() ([]byte, error) { return c.Events.Encode(anEvent) },
		func() ([]byte, error) { return c.Tasks.Encode(aTask) },
		func() ([]byte, error) { return c.Chunks.Encode(aChunk) },
		func() ([]byte, error) { return c.Results.Encode(aResult) },
	} {
		b, err := encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		same(t, c.Events, b)
		same(t, c.Tasks, b)
		same(t, c.Chunks, b)
		same(t, c.Results, b)
	})
}

// same fails if b is read, but is not what is read again after it was written.
func same[T any](t *testing.T, c *Codec[T], b []byte) {
	v, err := c.Decode(b)
	if err != nil {
		return
	}
	again, err := c.Encode(v)
	if err != nil {
		t.Fatalf("%+v: %v", v, err)
	}
	if _, err := c.Decode(again); err != nil {
		t.Fatalf("%+v: %v", v, err)
	}
}
