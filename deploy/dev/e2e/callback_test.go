package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

const callbackSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// receiver is where callbacks come to. It answers those to a path with the
// statuses that it is given for it, one after the other, and then with 204.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string][]int
	heard   []heard
}

// heard is a callback as it came.
type heard struct {
	path   string
	header http.Header
	body   []byte
}

func receive(t *testing.T, answers map[string][]int) *receiver {
	r := &receiver{answers: answers}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard = append(r.heard, heard{q.URL.Path, q.Header, body})
	status := http.StatusNoContent
	if next := r.answers[q.URL.Path]; len(next) > 0 {
		status, r.answers[q.URL.Path] = next[0], next[1:]
	}
	w.Header().Set("Location", "/elsewhere")
	w.WriteHeader(status)
}

// at is what came to a path.
func (r *receiver) at(path string) (all []heard) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.heard {
		if h.path == path {
			all = append(all, h)
		}
	}
	return all
}

// signed reports whether h was signed with the secret, not long ago.
func (h heard) signed() bool {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(callbackSecret, "whsec_"))
	if err != nil {
		panic(err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(h.header.Get("webhook-id") + "." + h.header.Get("webhook-timestamp") + "."))
	mac.Write(h.body)
	return h.header.Get("webhook-signature") == "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// callbackLog is what the API says of the callback of an execution.
type callbackLog struct {
	State string
	Items []struct {
		Number     int
		Delivery   int
		StatusCode *int `json:"status_code"`
		Failure    string
		At         time.Time
	}
}

func (s *story) callback(id string) (l callbackLog) {
	s.Helper()
	s.into(s.do(http.MethodGet, "/api/v1/executions/"+id+"/callback", nil), http.StatusOK, &l)
	return l
}

// called runs a script whose end is to be told to url.
func (s *story) called(url string) execution {
	s.Helper()
	var x execution
	s.into(s.do(http.MethodPost, "/api/v1/executions", map[string]any{"language": "static", "script": "print secret\n", "callback_url": url}), http.StatusAccepted, &x)
	s.note(x.ID)
	return s.ended(x.ID)
}

// until waits for a state of a callback.
func (s *story) until(id, state string) (l callbackLog) {
	s.Helper()
	eventually(s, time.Minute, func() (bool, string) {
		l = s.callback(id)
		return l.State == state, jsonOf(l)
	})
	return l
}

// BY-14, NO-09, DF-34: a callback is signed, tried again, and told once more to
// who asks.
func TestACallbackIsSignedAndTriedAgain(t *testing.T) {
	s := beside(t, 3*time.Minute)
	r := receive(t, map[string][]int{"/hook": {500, 503}})
	x := s.called(r.URL + "/hook")
	l := s.until(x.ID, "delivered")
	told := r.at("/hook")
	if len(l.Items) != 3 || len(told) != 3 || l.Items[0].Failure != "status" || *l.Items[0].StatusCode != 500 || *l.Items[1].StatusCode != 503 || l.Items[2].Failure != "" || l.Items[2].Delivery != 1 {
		t.Fatalf("%s, heard %d", jsonOf(l), len(told))
	}
	if pause := l.Items[1].At.Sub(l.Items[0].At); pause < 4*time.Second {
		t.Errorf("tried again after %s", pause)
	}
	var body struct {
		Type string
		Data execution
	}
	for _, h := range told {
		if !h.signed() || h.header.Get("webhook-id") != told[0].header.Get("webhook-id") || string(h.body) != string(told[0].body) {
			t.Errorf("%v %s", h.header, h.body)
		}
	}
	if err := json.Unmarshal(told[0].body, &body); err != nil || body.Type != "execution.finished" || body.Data.ID != x.ID || body.Data.Status != "completed" || *body.Data.Result.ExitCode != 0 || body.Data.Result.Stdout != nil || strings.Contains(string(told[0].body), "secret") {
		t.Errorf("%v %s", err, told[0].body)
	}
	again := "/api/v1/executions/" + x.ID + "/callback/redeliver"
	if a := s.as("mallory").do(http.MethodPost, again, nil); a.status != http.StatusNotFound {
		t.Errorf("by somebody else: %d", a.status)
	}
	if a := s.do(http.MethodPost, again, nil); a.status != http.StatusAccepted {
		t.Fatalf("%d %s", a.status, a.body)
	}
	eventually(t, 20*time.Second, func() (bool, string) {
		l = s.callback(x.ID)
		return len(l.Items) == 4, jsonOf(l)
	})
	if told := r.at("/hook"); len(told) != 4 || l.Items[3].Delivery != 2 || l.Items[3].Failure != "" || told[3].header.Get("webhook-id") != told[0].header.Get("webhook-id") || !told[3].signed() {
		t.Errorf("%s, heard %d", jsonOf(l), len(told))
	}
}

// DF-34: where an answer leads is not where a callback goes.
func TestDF34ACallbackGoesNowhereElse(t *testing.T) {
	s := beside(t, 3*time.Minute)
	r := receive(t, map[string][]int{"/moved": {302, 307}, "/gone": {410}})
	moved, gone := s.called(r.URL+"/moved"), s.called(r.URL+"/gone")
	if l := s.until(moved.ID, "delivered"); len(l.Items) != 3 || l.Items[0].Failure != "redirect" || l.Items[1].Failure != "redirect" || len(r.at("/elsewhere")) != 0 {
		t.Errorf("%s, elsewhere %d", jsonOf(l), len(r.at("/elsewhere")))
	}
	if l := s.until(gone.ID, "failed"); len(l.Items) != 1 || l.Items[0].Failure != "gone" {
		t.Errorf("%s", jsonOf(l))
	}
	for _, url := range []string{"ftp://example.com/", "http://ann:pw@example.com/", "http://2130706433/", "http://0x7f.1/", "/hook", "http://example.com/#x"} {
		s.refuse(s.do(http.MethodPost, "/api/v1/executions", map[string]any{"language": "static", "script": "print x\n", "callback_url": url}), http.StatusUnprocessableEntity, "callback_url")
	}
}
