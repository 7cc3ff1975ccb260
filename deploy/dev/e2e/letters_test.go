package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

const letters = "/api/v1/admin/letters"

// letter is a dead letter as GET gives it.
type letter struct {
	ID     string
	Status string
	Origin struct {
		Topic string
		Group string `json:"consumer_group"`
	}
	EventID    string `json:"event_id"`
	Class      string `json:"error_class"`
	Error      string
	Round      int
	By         string `json:"decided_by"`
	Payload    json.RawMessage
	Unreadable string `json:"payload_error"`
	History    []struct{ What string }
}

// letters are those of an execution.
func (s *story) letters(id string) (all []letter) {
	s.Helper()
	var page struct{ Items []letter }
	s.into(s.as(operator).do(http.MethodGet, letters+"?limit=1000&execution_id="+url.QueryEscape(id), nil), http.StatusOK, &page)
	return page.Items
}

// dead waits until an execution has n letters that ok is true of.
func (s *story) dead(id string, n int, within time.Duration, ok func(letter) bool) (all []letter) {
	s.Helper()
	eventually(s, within, func() (bool, string) {
		all = s.letters(id)
		return len(all) == n && !slices.ContainsFunc(all, func(l letter) bool { return !ok(l) }), jsonOf(all)
	})
	return all
}

// put writes a message as somebody would who has got a topic wrong.
func (s *story) put(topic string, m kafka.Message) {
	s.Helper()
	w := &kafka.Writer{Addr: kafka.TCP(strings.Split(the.kafka, ",")...), Topic: the.prefix + topic, Balancer: &kafka.Murmur2Balancer{}, BatchTimeout: time.Millisecond}
	defer w.Close()
	if err := w.WriteMessages(s.ctx, m); err != nil {
		s.Fatal(err)
	}
}

func parked(l letter) bool { return l.Status == "parked" }

// DL-01, DL-02, DL-05 to DL-07, DL-10, DF-11: what can never be read is put aside, holds up
// nobody, and is a person's to decide. It is of execution_output: readers of
// execution_events that are not ours may stop at it.
func TestDF11AnUndecodableRecordIsParked(t *testing.T) {
	s := beside(t, 4*time.Minute)
	mine, op := s.as("letters-"+s.word()[:8]), s.as(operator)
	x := mine.run(bash("echo before"))
	s.put("execution_output", kafka.Message{Key: []byte(x.ID), Value: []byte{7, 7, 7}, Headers: []kafka.Header{{Key: "ce_id", Value: []byte("e2e/" + x.ID)}}})
	l := s.dead(x.ID, 1, 30*time.Second, parked)[0]
	if !strings.HasSuffix(l.Origin.Topic, "execution_output") || !strings.HasSuffix(l.Origin.Group, "recorder") || l.Class != "invalid" || l.Error == "" || l.Round != 0 {
		t.Errorf("%s", jsonOf(l))
	}
	if after := mine.run(bash("echo after")); after.stdout() != "after\n" {
		t.Errorf("the topic stands still: %q", after.stdout())
	}
	var shown letter
	s.into(op.do(http.MethodGet, letters+"/"+l.ID, nil), http.StatusOK, &shown)
	if string(shown.Payload) != "null" || shown.Unreadable == "" || len(shown.History) == 0 || shown.EventID != "e2e/"+x.ID {
		t.Errorf("%s", jsonOf(shown))
	}
	s.expectStatus(mine, http.MethodGet, letters, nil, http.StatusForbidden)
	s.expectStatus(mine, http.MethodPost, letters+"/"+l.ID+"/retry", nil, http.StatusForbidden)
	s.expectStatus(op, http.MethodPatch, letters+"/"+l.ID, `{"payload":{}}`, http.StatusMethodNotAllowed)
	s.expectStatus(op, http.MethodPost, letters+"/"+l.ID+"/retry", `{"value":"eA=="}`, http.StatusUnprocessableEntity)
	s.expectStatus(op, http.MethodPost, letters+"/"+l.ID+"/retry", nil, http.StatusAccepted)
	s.dead(x.ID, 1, time.Minute, func(l letter) bool { return parked(l) && l.Round == 1 }) // it died again: the same letter
	s.disposed(op, l.ID)
}

// expectStatus asks as somebody and compares what is answered.
func (s *story) expectStatus(who *story, method, path string, body any, want int) {
	s.Helper()
	if a := who.do(method, path, body); a.status != want {
		s.Errorf("%s %s: %d, want %d: %.300s", method, path, a.status, want, a.body)
	}
}

// disposed puts a letter away, by the command line.
func (s *story) disposed(op *story, id string) {
	s.Helper()
	for _, step := range []struct{ verb, status string }{{"archive", "archived"}, {"restore", "parked"}, {"discard", "discarded"}} {
		if said := op.cli("", "letters", step.verb, "--reason", "a test", id); said.code != 0 {
			s.Errorf("%s: %+v", step.verb, said)
		}
		var l letter
		s.into(op.do(http.MethodGet, letters+"/"+id, nil), http.StatusOK, &l)
		if l.Status != step.status || l.By != operator {
			s.Errorf("%s: %s", step.verb, jsonOf(l))
		}
	}
	if said := op.cli("", "letters", "retry", id); said.code == 0 || strings.Count(said.err, "\n") != 1 {
		s.Errorf("a discarded letter was retried: %+v", said)
	}
	for _, args := range [][]string{{"list", "--status", "discarded", "--limit", "1000"}, {"show", id}} {
		if said := op.cli("", append([]string{"letters"}, args...)...); said.code != 0 || !strings.Contains(said.out, id) {
			s.Errorf("%v: %+v", args, said)
		}
	}
	if said := op.cli("", "letters", "stats"); said.code != 0 || !strings.Contains(said.out, "discarded") {
		s.Errorf("%+v", said)
	}
}

// DL-05: an event whose schema the registry does not have dies in each group.
// When the schema is there, a retry has it take effect, once. The test is alone:
// until then readers that are not ours may stop at the event.
func TestLetterTakesEffectWhenItsCauseIsMended(t *testing.T) {
	s := begin(t, 5*time.Minute)
	op := s.as(operator)
	x := s.run(bash("echo done"))
	s.told(x.ID)
	original, headers := s.recordOf(x.ID, "execution_accepted")
	known := s.schema(int(binary.BigEndian.Uint32(original[1:5])))
	missing := s.register(known, "a") + 1 // IDs are counted
	id := headers["ce_id"]
	changed := id[:len(id)-1] + string(id[len(id)-1]^1)
	value := binary.BigEndian.AppendUint32([]byte{0}, uint32(missing))
	value = append(append(value, bytes.Replace(original[5:], []byte(id), []byte(changed), 1)...), 0) // the new field is null
	m := kafka.Message{Key: []byte(x.ID), Value: value}
	for k, v := range headers {
		if k == "ce_id" {
			v = changed
		}
		m.Headers = append(m.Headers, kafka.Header{Key: k, Value: []byte(v)})
	}
	s.put("execution_events", m)
	waits := func(l letter) bool { return l.Status == "parked" || l.Status == "scheduled" }
	s.dead(x.ID, 4, time.Minute, waits) // one a group
	has := func(e event) bool { return e.ID == changed }
	if slices.ContainsFunc(s.timeline(x.ID), has) {
		t.Error("it took effect before its schema was there")
	}
	for i := 0; ; i++ {
		if got := s.register(known, "b"+fmt.Sprint(i)); got == missing {
			break
		} else if got > missing {
			t.Fatalf("the registry gave the ID %d, and %d to somebody else", got, missing)
		}
	}
	body := map[string]any{"filter": map[string]any{"execution_id": x.ID}, "dry_run": true}
	var report struct{ Total, Successful, Failed int }
	s.into(op.do(http.MethodPost, letters+"/retry", body), http.StatusOK, &report)
	if report.Total != 4 || report.Successful != 4 {
		t.Errorf("%+v", report)
	}
	if said := op.cli("", "letters", "retry", "--execution", x.ID); said.code != 0 || !strings.Contains(said.out, "successful  4") {
		t.Errorf("%+v", said)
	}
	all := s.dead(x.ID, 4, time.Minute, func(l letter) bool { return l.Status == "retried" && l.Round > 0 })
	eventually(s, 20*time.Second, func() (bool, string) {
		n := 0
		for _, e := range s.timeline(x.ID) {
			if has(e) {
				n++
			}
		}
		return n == 1, fmt.Sprintf("%d events %s", n, changed)
	})
	s.expectStatus(op, http.MethodPost, letters+"/"+all[0].ID+"/retry", nil, http.StatusConflict)
	if got := s.get(x.ID); got.Status != x.Status {
		t.Errorf("the run was %s and is %s", x.Status, got.Status)
	}
}

// recordOf returns the value and the headers of an event of an execution, as
// they are in Kafka.
func (s *story) recordOf(id, kind string) (value []byte, headers map[string]string) {
	s.Helper()
	broker, _, _ := strings.Cut(the.kafka, ",")
	topic := the.prefix + "execution_events"
	partitions, err := kafka.DefaultDialer.LookupPartitions(s.ctx, "tcp", broker, topic)
	if err != nil {
		s.Fatal(err)
	}
	for _, p := range partitions {
		if value, headers = s.find(broker, topic, p.ID, id, kind); value != nil {
			return value, headers
		}
	}
	s.Fatalf("no %s of %s is in Kafka", kind, id)
	return nil, nil
}

func (s *story) find(broker, topic string, partition int, id, kind string) (value []byte, headers map[string]string) {
	s.Helper()
	conn, err := kafka.DialLeader(s.ctx, "tcp", broker, topic, partition)
	if err != nil {
		s.Fatal(err)
	}
	first, last, err := conn.ReadOffsets()
	_ = conn.Close()
	if err != nil {
		s.Fatal(err)
	}
	if first == last {
		return nil, nil
	}
	r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{broker}, Topic: topic, Partition: partition, MaxBytes: 16 << 20, MaxWait: 100 * time.Millisecond})
	defer r.Close()
	if err := r.SetOffset(first); err != nil {
		s.Fatal(err)
	}
	for offset := int64(-1); offset < last-1; {
		m, err := r.ReadMessage(s.ctx)
		if err != nil {
			s.Fatal(err)
		}
		offset = m.Offset
		headers = map[string]string{}
		for _, h := range m.Headers {
			headers[h.Key] = string(h.Value)
		}
		if string(m.Key) == id && headers["ce_type"] == kind {
			return m.Value, headers
		}
	}
	return nil, nil
}

// registry asks the schema registry of the stack.
func (s *story) registry(method, path string, body, v any) {
	s.Helper()
	ctx, stop := context.WithTimeout(s.ctx, 20*time.Second)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, method, os.Getenv("CODESAGA_SCHEMA_REGISTRY_URL")+path, strings.NewReader(jsonOf(body)))
	if err != nil {
		s.Fatal(err)
	}
	if body == nil {
		r.Body = http.NoBody
	}
	r.Header.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(v); err != nil || resp.StatusCode != http.StatusOK {
		s.Fatalf("%s %s: %d %v", method, path, resp.StatusCode, err)
	}
}

// schema is that of an ID.
func (s *story) schema(id int) (text string) {
	s.Helper()
	var answer struct{ Schema string }
	s.registry(http.MethodGet, fmt.Sprint("/schemas/ids/", id), nil, &answer)
	return answer.Schema
}

// register gives the registry a schema that has one more field than known, which
// may be null and is called after word, and returns its ID.
func (s *story) register(known, word string) (id int) {
	s.Helper()
	var schema struct {
		Type      string            `json:"type"`
		Name      string            `json:"name"`
		Namespace string            `json:"namespace,omitempty"`
		Fields    []json.RawMessage `json:"fields"`
	}
	if err := json.Unmarshal([]byte(known), &schema); err != nil {
		s.Fatal(err)
	}
	field := fmt.Sprintf(`{"name":"e2e_%s_%s","type":["null","string"],"default":null}`, word, s.word())
	schema.Fields = append(schema.Fields, json.RawMessage(field))
	var answer struct{ ID int }
	s.registry(http.MethodPost, "/subjects/e2e-letters-"+s.word()+"/versions", map[string]string{"schema": jsonOf(schema)}, &answer)
	return answer.ID
}
