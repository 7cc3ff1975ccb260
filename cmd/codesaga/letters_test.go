package main

import (
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/codesaga/codesaga/execution"
)

// DL-08: who is to know of the alarm is told, signed, and again if that failed.
func TestTheAlarmAboutLettersIsTold(t *testing.T) {
	var said []string
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if said = append(said, string(body)); r.Header.Get("Webhook-Signature") == "" || r.Header.Get("Webhook-Id") == "" {
			t.Errorf("not signed: %v", r.Header)
		}
		if len(said) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer receiver.Close()
	c := Config{CallbackSecret: "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32)), CallbackPorts: "any", CallbackInner: true}
	log := slog.New(slog.DiscardHandler)
	if notify, err := newApp(c, log).letterNotice(); notify != nil || err != nil {
		t.Errorf("nobody is to know: %v", err)
	}
	c.LettersURL = receiver.URL
	notify, err := newApp(c, log).letterNotice()
	if err != nil {
		t.Fatal(err)
	}
	notify(t.Context(), execution.AlarmCritical, execution.AlarmOK, execution.LetterFigures{Waiting: 1000})
	if len(said) != 2 || said[0] != said[1] || !strings.Contains(said[0], `"level":"critical"`) || !strings.Contains(said[0], `"was":"ok"`) || !strings.Contains(said[0], `"waiting":1000`) {
		t.Errorf("%q", said)
	}
	c.CallbackInner = false
	if _, err := newApp(c, log).letterNotice(); err == nil || !strings.HasPrefix(err.Error(), "letters-url: ") {
		t.Errorf("an address that callbacks may not go to: %v", err)
	}
	if topics := newApp(Config{Pools: "default,gpu"}, log).letterTopics(); !slices.Equal(topics, []string{"execution_events", "execution_tasks", "execution_output", "notification_events", "platform_events", "execution_tasks.gpu"}) {
		t.Errorf("%q", topics)
	}
}
