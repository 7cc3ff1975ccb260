package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// The vector is the one of the specification of Standard Webhooks.
const (
	secret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	id        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	stamp     = "1614265330"
	body      = `{"test": 2432232314}`
	signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

func TestOnlyWhatIsSignedIsTaken(t *testing.T) {
	at := time.Unix(1614265330, 0)
	tests := []struct {
		name, id, stamp, signature, body string
		now                              time.Time
		want                             int
	}{
		{"as it was sent", id, stamp, signature, body, at, 204},
		{"with another signature in front", id, stamp, "v1,AAAA v2,x " + signature, body, at, 204},
		{"another body", id, stamp, signature, body + " ", at, 401},
		{"another ID", "msg_x", stamp, signature, body, at, 401},
		{"another time", id, "1614265331", signature, body, at, 401},
		{"no signature", id, stamp, "", body, at, 401},
		{"one without its version", id, stamp, strings.TrimPrefix(signature, "v1,"), body, at, 401},
		{"too late", id, stamp, signature, body, at.Add(6 * time.Minute), 401},
		{"too early", id, stamp, signature, body, at.Add(-6 * time.Minute), 401},
		{"no time", id, "", signature, body, at, 401},
	}
	for _, tt := range tests {
		key, err := parse(secret)
		if err != nil {
			t.Fatal(err)
		}
		r := &receiver{key: key, out: t.Output(), now: func() time.Time { return tt.now }}
		if w := send(r, tt.id, tt.stamp, tt.signature, tt.body); w.Code != tt.want {
			t.Errorf("%s: %d %s", tt.name, w.Code, w.Body)
		}
	}
}

func send(r *receiver, id, stamp, signature, body string) *httptest.ResponseRecorder {
	q, w := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)), httptest.NewRecorder()
	q.Header.Set("Webhook-Id", id)
	q.Header.Set("Webhook-Timestamp", stamp)
	q.Header.Set("Webhook-Signature", signature)
	r.ServeHTTP(w, q)
	return w
}

func TestWhatComesTwiceIsDoneOnce(t *testing.T) {
	key, _ := parse(secret)
	var out strings.Builder
	r := &receiver{key: key, out: &out, now: func() time.Time { return time.Unix(1614265330, 0) }}
	for range 2 {
		if w := send(r, id, stamp, signature, body); w.Code != http.StatusNoContent {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if n := strings.Count(out.String(), "\n"); n != 1 {
		t.Errorf("printed %d lines", n)
	}
	if _, err := parse("hunter2"); err == nil {
		t.Error("any text is a secret")
	}
}
