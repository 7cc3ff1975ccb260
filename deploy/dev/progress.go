package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// progressEvery is how often a line comes where lines stay.
const progressEvery = 30 * time.Second

// Progress says what is under way: on a terminal in one line that changes, elsewhere in a line every half minute.
type Progress struct {
	out   io.Writer
	tty   bool
	began time.Time

	mu    sync.Mutex
	tasks []*task
	done  int
	total int
	stop  chan struct{}
	ended sync.WaitGroup
}

type task struct {
	what  string
	began time.Time
}

// newProgress begins to report on total tasks; more may come.
func newProgress(out io.Writer, tty bool, total int) *Progress {
	p := &Progress{out: out, tty: tty, began: time.Now(), total: total, stop: make(chan struct{})}
	every := progressEvery
	if tty {
		every = 200 * time.Millisecond
	}
	p.ended.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-p.stop:
				return
			case <-ticker.C:
				p.show()
			}
		}
	})
	return p
}

// Task reports what do does, and that it is done.
func (p *Progress) Task(what string, do func() error) error {
	t := &task{what, time.Now()}
	p.mu.Lock()
	p.tasks = append(p.tasks, t)
	p.mu.Unlock()
	if p.tty {
		p.show()
	}
	err := do()
	p.mu.Lock()
	for i := range p.tasks {
		if p.tasks[i] == t {
			p.tasks = append(p.tasks[:i], p.tasks[i+1:]...)
			break
		}
	}
	p.done++
	position := fmt.Sprintf("[%d/%d]", p.done, p.total)
	p.mu.Unlock()
	if err == nil {
		p.Say(fmt.Sprintf("%7s %s, %s", position, what, elapsed(time.Since(t.began))))
	}
	return err
}

// Say prints a line that stays.
func (p *Progress) Say(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tty {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
	fmt.Fprintln(p.out, line)
}

func (p *Progress) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := progressLine(p.tasks, p.done, p.total, time.Since(p.began), time.Now())
	switch {
	case line == "":
	case p.tty:
		if r := []rune(line); len(r) > 110 {
			line = string(r[:109]) + "…"
		}
		fmt.Fprint(p.out, "\r\x1b[K"+line)
	default:
		fmt.Fprintln(p.out, line)
	}
}

// Close ends the reports.
func (p *Progress) Close() {
	close(p.stop)
	p.ended.Wait()
	if p.tty {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

// progressLine is empty while nothing is under way.
func progressLine(tasks []*task, done, total int, since time.Duration, now time.Time) string {
	if len(tasks) == 0 {
		return ""
	}
	var under []string
	for _, t := range tasks {
		under = append(under, t.what+" "+elapsed(now.Sub(t.began)))
	}
	return fmt.Sprintf("[%d/%d] %s: %s", done, total, elapsed(since), strings.Join(under, ", "))
}

// elapsed is short: 0.4s, 12s, 3m05s.
func elapsed(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	}
	return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// expect adds to the number of tasks.
func (p *Progress) expect(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total += n
}

// passOn copies until the word that all is ready, and reports whether it came.
func passOn(from io.Reader, to io.Writer) bool {
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		text, _, found := strings.Cut(string(buffer[:n]), allReady)
		fmt.Fprint(to, text)
		if found || err != nil {
			return found
		}
	}
}
