package main

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestProgressLineNamesWhatIsUnderWay(t *testing.T) {
	now := time.Now()
	tasks := []*task{{"build kubernetes", now.Add(-130 * time.Second)}, {"start kafka", now.Add(-1500 * time.Millisecond)}}
	got := progressLine(tasks, 3, 14, 200*time.Second, now)
	if want := "[3/14] 3m20s: build kubernetes 2m10s, start kafka 1.5s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := progressLine(nil, 3, 14, time.Second, now); got != "" {
		t.Errorf("%q with nothing under way", got)
	}
}

func TestElapsed(t *testing.T) {
	for d, want := range map[time.Duration]string{
		430 * time.Millisecond: "0.4s", 12900 * time.Millisecond: "12s", 185 * time.Second: "3m05s",
	} {
		if got := elapsed(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestWithoutATerminalALineComesEveryHalfMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := newProgress(&out, false, 2)
		err := p.Task("build x", func() error { time.Sleep(65 * time.Second); return nil })
		failed := p.Task("build y", func() error { return errors.New("no") })
		p.Close()
		want := "[0/2] 30s: build x 30s\n[0/2] 1m00s: build x 1m00s\n  [1/2] build x, 1m05s\n"
		if out.String() != want || err != nil || failed == nil {
			t.Errorf("%q, want %q (%v, %v)", out.String(), want, err, failed)
		}
	})
}

func TestPassOnEndsWithTheWordThatAllIsReady(t *testing.T) {
	var out bytes.Buffer
	if !passOn(strings.NewReader("one\ntwo\n"+allReady), &out) || out.String() != "one\ntwo\n" {
		t.Errorf("%q", out.String())
	}
	if passOn(strings.NewReader("one\n"), &out) {
		t.Error("ready without the word")
	}
}

func TestFailureShowsTheEndOfTheLog(t *testing.T) {
	log := filepath.Join(t.TempDir(), "kafka.log")
	write(t, log, strings.Repeat("early\n", 50)+strings.Repeat("late\n", logLines))
	text := (&failure{part: "kafka", log: log, err: errors.New("exit status 1")}).Error()
	if !strings.HasPrefix(text, "kafka: exit status 1\n") || strings.Contains(text, "early") || strings.Count(text, "late") != logLines {
		t.Error(text)
	}
	if text := (&failure{part: "kafka", log: log + "x", err: errors.New("no")}).Error(); text != "kafka: no" {
		t.Errorf("%q", text)
	}
}
