// Command callback-receiver is told by codesaga how executions ended, and
// prints it. It shows what a receiver has to do: check the signature over the
// bytes as they came, refuse what is old, do nothing twice, answer soon.
//
//	CALLBACK_SECRET=whsec_… go run ./deploy/examples/callback-receiver
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	tolerance = 5 * time.Minute // between its clock and ours: what is older may be sent again by who overheard it
	maxBody   = 4 << 20
)

func main() {
	key, err := parse(os.Getenv("CALLBACK_SECRET"))
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8090", Handler: &receiver{key: key, out: os.Stdout, now: time.Now}, ReadTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// parse reads a secret of Standard Webhooks.
func parse(secret string) ([]byte, error) {
	coded, ok := strings.CutPrefix(secret, "whsec_")
	if !ok {
		return nil, errors.New("CALLBACK_SECRET must begin with whsec_")
	}
	return base64.StdEncoding.DecodeString(coded)
}

// message is what of a callback is printed; the document of the API has all.
type message struct {
	Type string `json:"type"`
	Data struct {
		ID     string `json:"id"`
		Status string `json:"status"`
		Result struct {
			ExitCode *int `json:"exit_code"`
		} `json:"result"`
	} `json:"data"`
}

// receiver answers callbacks.
type receiver struct {
	key []byte
	out io.Writer
	now func() time.Time

	mu   sync.Mutex
	seen map[string]bool // IDs of messages; a real one keeps them where they survive it
}

// ServeHTTP takes one callback.
func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, q.Body, maxBody))
	if err != nil {
		http.Error(w, "the body broke off", http.StatusBadRequest)
		return
	}
	if err := r.verify(q.Header, body); err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		http.Error(w, "not a message", http.StatusBadRequest)
		return
	}
	if r.first(q.Header.Get("webhook-id")) {
		code := "none"
		if m.Data.Result.ExitCode != nil {
			code = strconv.Itoa(*m.Data.Result.ExitCode)
		}
		fmt.Fprintf(r.out, "%s %s %s, exit code %s\n", m.Type, m.Data.ID, m.Data.Status, code)
	}
	w.WriteHeader(http.StatusNoContent) // also of what came twice: it was heard
}

// verify reports what is wrong with the signature of body, or its time.
func (r *receiver) verify(h http.Header, body []byte) error {
	seconds, err := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	if err != nil || r.now().Sub(time.Unix(seconds, 0)).Abs() > tolerance {
		return errors.New("the message is too old, or has no time")
	}
	mac := hmac.New(sha256.New, r.key)
	fmt.Fprintf(mac, "%s.%d.", h.Get("webhook-id"), seconds)
	mac.Write(body)
	want := mac.Sum(nil)
	for one := range strings.FieldsSeq(h.Get("webhook-signature")) { // several while the secret is being replaced
		coded, ok := strings.CutPrefix(one, "v1,")
		if got, err := base64.StdEncoding.DecodeString(coded); ok && err == nil && hmac.Equal(got, want) {
			return nil
		}
	}
	return errors.New("the signature is wrong")
}

// first reports whether the message id is new.
func (r *receiver) first(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = map[string]bool{}
	}
	was := r.seen[id]
	r.seen[id] = true
	return !was
}
