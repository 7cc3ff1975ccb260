// Command consumer-go follows what happens to executions, and prints a line of
// JSON for each event. It shows what a reader of the topics has to do: a group of
// its own, the schema that each message names, no second effect for what comes
// twice, and a commit after the effect. It needs only public libraries.
//
//	KAFKA_BROKERS=localhost:9092 SCHEMA_REGISTRY_URL=http://localhost:8081/… \
//	  go run ./deploy/examples/consumer-go my-group
package main

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/hamba/avro/v2"
	"github.com/segmentio/kafka-go"
)

// event is what of one is printed; the contract of the topic has all. Fields of
// the schema that are missing here are skipped.
type event struct {
	ID          string    `avro:"id" json:"id"`
	Type        string    `avro:"type" json:"type"`
	ExecutionID string    `avro:"execution_id" json:"execution_id"`
	UserID      string    `avro:"user_id" json:"user_id"`
	At          time.Time `avro:"occurred_at" json:"occurred_at"`
	Outcome     *struct {
		Status   string `avro:"status" json:"status"`
		ExitCode *int   `avro:"exit_code" json:"exit_code"`
	} `avro:"outcome" json:"outcome,omitempty"`
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: consumer-go GROUP")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: strings.Split(cmp.Or(os.Getenv("KAFKA_BROKERS"), "localhost:9092"), ","),
		GroupID: os.Args[1], Topic: cmp.Or(os.Getenv("TOPIC"), "execution_events"),
		StartOffset: kafka.FirstOffset, // of a group that is new
		MaxWait:     time.Second,
	})
	d := &decoder{registry: strings.TrimSuffix(os.Getenv("SCHEMA_REGISTRY_URL"), "/"), schemas: map[uint32]avro.Schema{}}
	err := follow(ctx, reader, d, os.Stdout)
	if err := errors.Join(err, reader.Close()); err != nil {
		log.Fatal(err)
	}
}

// follow prints all that comes, until ctx ends.
func follow(ctx context.Context, reader *kafka.Reader, d *decoder, out io.Writer) error {
	seen := map[string]bool{} // events of a while: a message may come twice
	for {
		m, err := reader.FetchMessage(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		e, err := d.decode(ctx, m.Value)
		if err != nil {
			return fmt.Errorf("partition %d, offset %d: %w", m.Partition, m.Offset, err) // a program that matters puts it aside
		}
		if !seen[e.ID] {
			if err := json.NewEncoder(out).Encode(e); err != nil {
				return err
			}
		}
		if len(seen) > 10_000 {
			clear(seen)
		}
		seen[e.ID] = true
		if err := reader.CommitMessages(ctx, m); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// decoder reads Avro as the Confluent registry frames it: a zero byte, the ID of
// the schema in four bytes, the value.
type decoder struct {
	registry string
	schemas  map[uint32]avro.Schema
}

func (d *decoder) decode(ctx context.Context, b []byte) (e event, err error) {
	if len(b) < 5 || b[0] != 0 {
		return e, errors.New("not framed Avro")
	}
	id := binary.BigEndian.Uint32(b[1:5])
	schema, ok := d.schemas[id]
	if !ok {
		if schema, err = d.ask(ctx, id); err != nil {
			return e, fmt.Errorf("schema %d: %w", id, err)
		}
		d.schemas[id] = schema
	}
	return e, avro.Unmarshal(schema, b[5:], &e)
}

func (d *decoder) ask(ctx context.Context, id uint32) (avro.Schema, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/schemas/ids/%d", d.registry, id), nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, errors.New(answer.Status)
	}
	var said struct {
		Schema string `json:"schema"`
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&said); err != nil {
		return nil, err
	}
	return avro.ParseWithCache(said.Schema, "", &avro.SchemaCache{}) // the common cache would mix up versions of a record
}
