package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

// letter is a dead letter, as far as tests look.
type letter struct {
	ID          string
	Status      string
	ErrorClass  string `json:"error_class"`
	ExecutionID string `json:"execution_id"`
	Round       int
	Reason      string
	Unreadable  string `json:"decode_error"`
	Decoded     map[string]any
	Origin      struct {
		Topic string
		Group string `json:"consumer_group"`
	}
	History []struct{ What, By string }
}

// what happened to l, in order.
func (l letter) what() (all []string) {
	for _, e := range l.History {
		all = append(all, e.What)
	}
	return all
}

// put writes a message to a topic of the platform, as anybody could who may.
func (s *story) put(topic, key string, value []byte) {
	s.Helper()
	w := &kafka.Writer{Addr: kafka.TCP(strings.Split(the.kafka, ",")...), Topic: the.prefix + topic, Balancer: kafka.Murmur2Balancer{}, BatchTimeout: time.Millisecond}
	defer w.Close()
	if err := w.WriteMessages(s.ctx, kafka.Message{Key: []byte(key), Value: value, Headers: []kafka.Header{{Key: "ce_id", Value: []byte(key + "/output/1")}}}); err != nil {
		s.Fatal(err)
	}
}

// letters waits until there are letters of key with a status, and returns them.
func (s *story) letters(key, status string, n int) (found []letter) {
	s.Helper()
	eventually(s, 45*time.Second, func() (bool, string) {
		var page struct{ Items []letter }
		s.into(s.order(http.MethodGet, "/letters?execution_id="+url.QueryEscape(key), nil, http.StatusOK), http.StatusOK, &page)
		found = nil
		for _, l := range page.Items {
			if l.Status == status {
				found = append(found, l)
			}
		}
		return len(found) == n, "letters: " + jsonOf(page.Items)
	})
	return found
}

func (s *story) letter(id string) (l letter) {
	s.Helper()
	s.into(s.order(http.MethodGet, "/letters/"+id, nil, http.StatusOK), http.StatusOK, &l)
	return l
}

// DL-01, DL-02, DL-05, DL-06, DL-07: what nobody can read is parked, holds up
// nothing, dies again when it is retried, and is given up by a person.
func TestWhatNobodyCanReadIsParked(t *testing.T) {
	s := beside(t, 3*time.Minute)
	key := strings.ToLower(rand.Text())
	s.put("execution_output", key, []byte("\x00rubbish"))
	l := s.letters(key, "parked", 1)[0]
	if l.Origin.Topic != "execution_output" || l.Origin.Group != "recorder" || l.ErrorClass != "invalid" || l.Reason == "" {
		t.Errorf("%s", jsonOf(l))
	}
	if shown := s.letter(l.ID); shown.Unreadable == "" || shown.Decoded != nil {
		t.Errorf("%s", jsonOf(shown))
	}
	if x := s.ended(s.submit(python("print('on')")).ID); x.stdout() != "on\n" { // through the same groups
		t.Errorf("%s", jsonOf(x))
	}
	s.order(http.MethodPatch, "/letters/"+l.ID, map[string]string{"value": "x"}, http.StatusMethodNotAllowed)
	s.order(http.MethodPost, "/letters/"+l.ID+"/retry", nil, http.StatusAccepted)
	eventually(s, 45*time.Second, func() (bool, string) {
		l = s.letter(l.ID)
		return l.Status == "parked" && l.Round == 1, jsonOf(l)
	})
	s.order(http.MethodPost, "/letters/"+l.ID+"/discard", map[string]string{"reason": "rubbish"}, http.StatusOK)
	s.order(http.MethodPost, "/letters/"+l.ID+"/retry", nil, http.StatusConflict)
	s.order(http.MethodPost, "/letters/"+l.ID+"/restore", map[string]string{"reason": "a look"}, http.StatusOK)
	s.order(http.MethodPost, "/letters/"+l.ID+"/archive", map[string]string{"reason": "enough"}, http.StatusOK)
	want := "died asked redriven died discarded restored archived"
	if l = s.letter(l.ID); l.Status != "archived" || strings.Join(l.what(), " ") != want {
		t.Errorf("%s, want %s", jsonOf(l), want)
	}
	op := s.as(operator)
	eventually(s, 20*time.Second, func() (bool, string) { // DL-10
		var page struct {
			Items []struct {
				Type   string
				UserID string `json:"user_id"`
				Letter struct{ ID, Note string }
			}
		}
		op.into(op.do(http.MethodGet, "/api/v1/admin/platform-events?limit=500", nil), http.StatusOK, &page)
		told := map[string]int{}
		for _, e := range page.Items {
			if e.Letter.ID == l.ID {
				told[e.Type+" "+e.UserID+" "+e.Letter.Note]++
			}
		}
		want := map[string]int{"dlq_message_received  ": 2, "dlq_message_discarded op rubbish": 1, "dlq_message_restored op a look": 1, "dlq_message_archived op enough": 1}
		return maps.Equal(told, want), jsonOf(told)
	})
	if a := s.do(http.MethodGet, "/api/v1/admin/letters", nil); a.status != http.StatusForbidden {
		t.Errorf("to a user: %d", a.status)
	}
}

// registry asks the schema registry, and returns the ID in its answer.
func (s *story) registry(method, path, schema string) (id int, text string) {
	s.Helper()
	body, err := json.Marshal(map[string]string{"schema": schema})
	if err != nil {
		s.Fatal(err)
	}
	r, err := http.NewRequestWithContext(s.ctx, method, strings.TrimSuffix(os.Getenv("CODESAGA_SCHEMA_REGISTRY_URL"), "/")+path, bytes.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	var v struct {
		ID     int
		Schema string
	}
	if err == nil {
		err = json.Unmarshal(answer, &v)
	}
	if err != nil || resp.StatusCode != http.StatusOK {
		s.Fatalf("%s %s: %s %v %.300s", method, path, resp.Status, err, answer)
	}
	return v.ID, v.Schema
}

// DL-05: a message whose reader could not read it yet takes effect when it is
// retried after that was mended: here, its schema came to the registry late.
func TestALetterTakesEffectWhenItsReaderIsMended(t *testing.T) {
	atLast(t) // they register schemas, too, and this one has to guess an ID
	s := begin(t, 3*time.Minute)
	x := s.ended(s.submit(python("print('x')")).ID)
	var value []byte
	records, err := the.readTopic(s.ctx, "execution_output")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if r.key == x.ID {
			value = []byte(r.value)
		}
	}
	if len(value) < 5 {
		t.Fatal("no output of the run on its topic")
	}
	_, text := s.registry(http.MethodGet, "/subjects/"+url.PathEscape(the.prefix+"execution_output-value")+"/versions/latest", "")
	word := strings.ToLower(rand.Text())
	last, _ := s.registry(http.MethodPost, "/subjects/e2e-"+word+"/versions", `{"type":"record","name":"w`+word+`","fields":[]}`)
	key := strings.Repeat("0", len(x.ID)-len(word)) + word // of no run: nothing else may be mended by this
	value = bytes.ReplaceAll(value, []byte(x.ID), []byte(key))
	binary.BigEndian.PutUint32(value[1:5], uint32(last+1))
	s.put("execution_output", key, value)
	l := s.letters(key, "parked", 1)[0]

	var schema map[string]any
	if err := json.Unmarshal([]byte(text), &schema); err != nil {
		t.Fatal(err)
	}
	schema["doc"] = "of a writer that came late, " + word
	if id, _ := s.registry(http.MethodPost, "/subjects/e2e-late-"+word+"/versions", jsonOf(schema)); id != last+1 {
		t.Skipf("somebody else registered a schema meanwhile: this one is %d, not %d", id, last+1)
	}
	s.order(http.MethodPost, "/letters/retry", map[string]any{"filter": map[string]any{"execution_id": key}}, http.StatusAccepted)
	l = s.letters(key, "retried", 1)[0]
	if l = s.letter(l.ID); l.Round != 1 || strings.Join(l.what(), " ") != "died asked redriven retried" || l.Decoded["execution_id"] != key || strings.Contains(jsonOf(l.Decoded), "x\\n") {
		t.Errorf("%s", jsonOf(l))
	}
}
