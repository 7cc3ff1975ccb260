package bridge

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hamba/avro/v2"
	"github.com/riferrei/srclient"

	"github.com/codesaga/codesaga/execution"
)

// api decodes with caps, because a length inside of a value is not to be
// trusted: it says how much memory to take before anything is read. The
// largest honest value is the script of a task, below 1 MiB.
var api = avro.Config{MaxByteSliceSize: 2 << 20, MaxSliceAllocSize: 1 << 16}.Freeze()

// registry is what a Codec needs of srclient: the ID of a schema that setup
// registered, and the schema of an ID that a message names.
type registry interface {
	LookupSchema(subject, schema string, kind srclient.SchemaType, references ...srclient.Reference) (*srclient.Schema, error)
	GetSchema(id int) (*srclient.Schema, error)
}

// Codec turns values of T into Confluent-framed Avro and back: a zero byte,
// the ID of the writer's schema in four bytes (big endian), then the value.
//
// It registers nothing: that is setup's. It asks the registry for the ID of its
// schema once, at the first Encode, and for each other schema once, at the
// first message that was written under it; what it knows outlives an outage.
type Codec[T any] struct {
	subject  string
	text     string
	schema   avro.Schema
	registry registry
	writers  sync.Map // schema ID → avro.Schema that reads it as ours

	mu     sync.Mutex
	id     int // of our schema; 0 until known
	failed error
	again  time.Time         // before this, failed is the answer: a registry that is down is not asked for each event
	denied map[int]time.Time // schema ID → since when the registry does not know it
}

// How long the registry has to say that it does not know a schema until that is
// believed, and of how many it is remembered.
const (
	denial     = 3 * time.Second
	mostDenied = 1000
)

// newCodec returns the codec of subject. The schema is part of the binary: one
// that cannot be parsed is found by every test.
func newCodec[T any](r registry, subject, schema string) *Codec[T] {
	ours, err := parse(schema)
	if err != nil {
		panic(fmt.Sprintf("schema of %s: %v", subject, err))
	}
	return &Codec[T]{subject: subject, text: schema, schema: ours, registry: r}
}

// Encode frames v under our schema. While the registry has never been reached
// the error is Unavailable.
func (c *Codec[T]) Encode(v T) ([]byte, error) {
	id, err := c.ours()
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	body, err := api.Marshal(c.schema, v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	head := binary.BigEndian.AppendUint32([]byte{0}, uint32(id))
	return append(head, body...), nil
}

// ours returns the ID of our schema. Before setup there is none, and then
// waiting helps, too.
func (c *Codec[T]) ours() (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.id != 0 {
		return c.id, nil
	}
	if time.Now().Before(c.again) {
		return 0, c.failed
	}
	known, err := c.registry.LookupSchema(c.subject, c.text, srclient.Avro)
	if err != nil {
		c.failed = execution.Errorf(execution.Unavailable, "schema of %s: %w", c.subject, err)
		c.again = time.Now().Add(time.Second)
		return 0, c.failed
	}
	c.id = known.ID()
	c.writers.Store(c.id, c.schema)
	return c.id, nil
}

// Decode reads a value written under any schema compatible with ours. A value
// that can never be read is Invalid; a registry out of reach is Unavailable.
func (c *Codec[T]) Decode(b []byte) (v T, err error) {
	err = c.decode(b, &v)
	return v, err
}

// view reads a value as maps, lists and what is in them.
func (c *Codec[T]) view(b []byte) (v any, err error) {
	err = c.decode(b, &v)
	return v, err
}

// decode is Decode into what v points to.
func (c *Codec[T]) decode(b []byte, v any) error {
	if len(b) < 5 || b[0] != 0 {
		return execution.Errorf(execution.Invalid, "decode %s: not framed Avro", c.subject)
	}
	schema, err := c.reading(int(binary.BigEndian.Uint32(b[1:5])))
	if err != nil {
		return fmt.Errorf("decode %s: %w", c.subject, err)
	}
	r := avro.NewReader(nil, 0, avro.WithReaderConfig(api)).Reset(b[5:])
	r.ReadVal(schema, v)
	if r.Error != nil { // Unmarshal would hide io.EOF: half a value would pass as a whole one
		return execution.Errorf(execution.Invalid, "decode %s: %w", c.subject, r.Error)
	}
	if r.Peek(); r.Error == nil {
		return execution.Errorf(execution.Invalid, "decode %s: bytes after the value", c.subject)
	}
	return nil
}

// reading returns the schema that reads, as ours, what was written under id.
func (c *Codec[T]) reading(id int) (avro.Schema, error) {
	if known, ok := c.writers.Load(id); ok {
		return known.(avro.Schema), nil
	}
	theirs, err := c.registry.GetSchema(id)
	if err != nil {
		return nil, execution.Errorf(c.denies(id, err), "schema %d: %w", id, err)
	}
	writer, err := parse(theirs.Schema())
	if err != nil {
		return nil, execution.Errorf(execution.Invalid, "schema %d: %w", id, err)
	}
	resolved, err := avro.NewSchemaCompatibility().Resolve(c.schema, writer)
	if err != nil {
		return nil, execution.Errorf(execution.Invalid, "schema %d: %w", id, err)
	}
	c.writers.Store(id, resolved)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.denied, id)
	return resolved, nil
}

// denies is the kind of err, by which the registry does not give the schema id.
// One that has just started knows nothing until it has read its journal: that
// there is no such schema is believed when it has said so for a while, and knows
// ours.
func (c *Codec[T]) denies(id int, err error) execution.Kind {
	if unknown(err) != execution.Invalid {
		return execution.Unavailable
	}
	c.mu.Lock()
	since, before := c.denied[id]
	if !before {
		if c.denied == nil || len(c.denied) >= mostDenied {
			c.denied = make(map[int]time.Time)
		}
		since = time.Now()
		c.denied[id] = since
	}
	c.mu.Unlock()
	if time.Since(since) < denial {
		return execution.Unavailable
	}
	if _, err := c.registry.LookupSchema(c.subject, c.text, srclient.Avro); err != nil {
		return execution.Unavailable
	}
	return execution.Invalid
}

// unknown is the kind of an answer of the registry: that it has no such schema
// is for good (404; 40403 in the Confluent API), anything else may pass.
func unknown(err error) execution.Kind {
	answer, ok := errors.AsType[srclient.Error](err)
	if ok && (answer.Code == 404 || answer.Code/100 == 404) || !ok && strings.HasPrefix(err.Error(), "404 ") {
		return execution.Invalid
	}
	return execution.Unavailable
}

// parse gives each schema a cache of its own: the library's is global, and two
// versions of one record would get mixed up in it.
func parse(schema string) (avro.Schema, error) {
	return avro.ParseWithCache(schema, "", &avro.SchemaCache{})
}
