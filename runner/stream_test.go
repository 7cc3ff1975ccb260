//go:build linux

package runner

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

func TestStreamsAreApartAndExact(t *testing.T) {
	play(t, self("both")).ended(End{}).printed(Stderr, everyByte()).
		printed(Stdout, []byte(strings.Repeat("a line of stdout\n", 10_000)))
}

// The script goes on when we have heard it.
func TestOutputIsLive(t *testing.T) {
	p := launch(t, self("wait"), fifo).until("é\xe2")
	p.must(os.WriteFile(filepath.Join(p.dir, "fifo"), nil, 0o600))
	p.wait().ended(End{}).printed(Stdout, []byte("é\xe2heard"))
}

func TestCapCutsBetweenCharacters(t *testing.T) {
	euro := func(l *Limits) { l.OutputBytes = 100_000 } // 100,000 = 3 × 33,333 + 1
	p := play(t, with(self("fill", "300000", "€"), nil, euro)).
		ended(End{StdoutTruncated: true}).printed(Stdout, bytes.Repeat([]byte("€"), 33_333))
	if p.end.StdoutBytes != 300_000 {
		t.Errorf("counted %d", p.end.StdoutBytes)
	}
	for _, f := range p.all {
		if !utf8.Valid(f.Bytes) {
			t.Errorf("frame %d has half a character", f.Number)
		}
	}
	play(t, with(self("fill", "300000", "half"), nil, euro)).ended(End{StdoutTruncated: true}).printed(Stdout, bytes.Repeat([]byte("\xe2\x82"), 50_000))
	play(t, with(self("fill", "100000", "x"), nil, euro)).ended(End{}).printed(Stdout, bytes.Repeat([]byte("x"), 100_000))
}

func TestCeilingEndsTheRun(t *testing.T) {
	p := play(t, with(self("fill", "1000000000", "x"), nil, func(l *Limits) { l.OutputBytes, l.OutputCeilingBytes = 1000, 4<<20 })).
		ended(End{ExitCode: 137, Signal: "SIGKILL", Limit: "output", StdoutTruncated: true})
	if n := p.end.StdoutBytes; n <= 4<<20 || n > 64<<20 {
		t.Errorf("counted %d", n)
	}
}

func TestForgedFramesAreText(t *testing.T) {
	forged := "f 2 0 15 {\"exit_code\":0}\n"
	play(t, self("fill", strconv.Itoa(len(forged)), forged)).ended(End{}).printed(Stdout, []byte(forged))
}

func TestWhoDoesNotReadHoldsUpTheScript(t *testing.T) {
	p := launch(t, self("blocked"), fifo)
	text, err := os.ReadFile(filepath.Join(p.dir, "fifo"))
	p.must(err)
	total, err := strconv.Atoi(string(text))
	p.must(err)
	if total == 0 || total > 1<<20 {
		t.Errorf("%d bytes went nowhere", total)
	}
	p.wait().ended(End{}).printed(Stdout, bytes.Repeat([]byte("x"), total))
}

// Somebody else has the script's stdout, whom we cannot kill.
func TestStrangerDoesNotHoldUpTheEnd(t *testing.T) {
	p := launch(t, self("wait"), fifo).until("é\xe2")
	for len(p.out[Stderr]) == 0 && p.next() {
	}
	stdout, err := os.OpenFile(fmt.Sprintf("/proc/%s/fd/1", p.out[Stderr]), os.O_WRONLY, 0)
	p.must(err)
	p.must(os.WriteFile(filepath.Join(p.dir, "fifo"), nil, 0o600))
	p.wait().ended(End{}).printed(Stdout, []byte("é\xe2heard"))
	p.must(stdout.Close())
}

// Whoever outlives SIGKILL has the other end, and we do not wait for it.
func TestSurvivorDoesNotHoldUpTheEnd(t *testing.T) {
	var pipes pipes
	pipe := pipes.out()
	if pipes.err != nil {
		t.Fatal(pipes.err)
	}
	defer pipes.closeTheirs()
	var wire bytes.Buffer
	s := stream{kind: Stdout, teller: &teller{w: &wire}, all: &ceiling{limit: 1 << 30}}
	drained, done := new(atomic.Bool), make(chan struct{})
	go func() { defer close(done); s.carry(pipe, drained) }()
	text := bytes.Repeat([]byte("x"), 50_000)
	if _, err := unix.Write(int(pipes.theirs[0]), text); err != nil {
		t.Fatal(err)
	}
	drained.Store(true)
	_ = pipe.SetReadDeadline(time.Now())
	<-done
	if s.sent != int64(len(text)) {
		t.Errorf("sent %d of %d bytes", s.sent, len(text))
	}
}

// Ten characters at ten times: what goes out when, to the millisecond.
func TestGathering(t *testing.T) {
	const euro = "\xe2\x82\xac"
	long := strings.Repeat(euro, MaxPayload/3) // and one byte is free
	for name, c := range map[string]struct {
		limit int64
		said  []string // "<ms> <text>"
		want  []string // "<ms> <text>"
	}{
		"first at once, then together": {0, []string{"0 a", "5 b", "10 c", "20 "}, []string{"0 a", "20 bc"}},
		"after silence at once":        {0, []string{"0 a", "50 b"}, []string{"0 a", "50 b"}},
		"a character in two":           {0, []string{"0 a\xe2", "30 \x82\xac"}, []string{"0 a", "30 " + euro}},
		"half of one waits a bit":      {0, []string{"0 a\xe2", "20 ", "99 ", "100 "}, []string{"0 a", "100 \xe2"}},
		"half of one at the end":       {0, []string{"0 a\xe2\x82"}, []string{"0 a", "end \xe2\x82"}},
		"frames between characters":    {0, []string{"0 " + long + euro}, []string{"0 " + long, "end " + euro}},
		"cut between characters":       {4, []string{"0 " + euro + "\xe2", "500 \x82\xac"}, []string{"0 " + euro}},
		"cut as soon as it is known":   {5, []string{"0 " + euro + "\xe2\x82", "1 \xac"}, []string{"0 " + euro}},
		"no character, cut at limit":   {4, []string{"0 " + euro + "\xe2", "5 x"}, []string{"0 " + euro, "5 \xe2"}},
		"half of one within the limit": {4, []string{"0 " + euro + "\xe2"}, []string{"0 " + euro, "end \xe2"}},
	} {
		var wire bytes.Buffer
		s := stream{kind: Stdout, limit: c.limit, teller: &teller{w: &wire}, all: &ceiling{limit: 1 << 30}}
		var got []string
		read := func(when string) {
			for r := NewReader(&wire); ; {
				f, err := r.Read()
				if errors.Is(err, io.EOF) {
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, when+" "+string(f.Bytes))
			}
		}
		begun := time.Now()
		for _, said := range c.said {
			when, text, _ := strings.Cut(said, " ")
			ms, _ := strconv.Atoi(when)
			now := begun.Add(time.Duration(ms) * time.Millisecond)
			if due := s.due(); text == "" && due.IsZero() {
				t.Errorf("%s: nothing is due at %s", name, when)
			}
			s.take([]byte(text), now)
			read(when)
		}
		s.flush(len(s.pending))
		read("end")
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %s, want %s", name, brief(got), brief(c.want))
		}
	}
}

func brief(all []string) (b []string) {
	for _, s := range all {
		b = append(b, fmt.Sprintf("%.20q(%d)", s, len(s)))
	}
	return b
}
