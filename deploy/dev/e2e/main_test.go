package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// testsAtOnce suits a platform of ten executions at once on two cores: most
// tests wait most of the time. Flag -parallel says otherwise.
const testsAtOnce = 7

func TestMain(m *testing.M) {
	flag.Parse()
	n := testsAtOnce
	flag.Visit(func(f *flag.Flag) {
		if f.Name == "test.parallel" {
			n, _ = strconv.Atoi(f.Value.String())
		}
	})
	places = make(chan struct{}, n)
	_ = flag.Set("test.parallel", "10000") // places are what counts
	os.Exit(suite(m))
}

// suite brings the platform up, lets the tests use it, and looks at what is
// left.
func suite(m *testing.M) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if f := flag.Lookup("test.list"); f != nil && f.Value.String() != "" {
		return m.Run()
	}
	var err error
	the, err = raise(ctx)
	if the != nil {
		defer func() {
			if err := the.close(ctx); err != nil {
				fmt.Printf("--- FAIL: the end\n%v\n", err)
				code = 1
			}
		}()
	}
	if err != nil {
		fmt.Printf("--- FAIL: the platform does not start\n%v\n", err)
		if the != nil {
			the.printTails()
		}
		return 1
	}
	defer context.AfterFunc(ctx, func() { _ = the.stop(); os.Exit(130) })()
	code = m.Run()
	if err := the.audit(ctx); err != nil {
		fmt.Printf("--- FAIL: the audit\n%v\n", err)
		the.printTails()
		code = 1
	}
	return code
}

// close stops all processes and removes what the suite made.
func (p *platform) close(ctx context.Context) error {
	err := p.stop()
	if p.ledger != nil {
		if err := p.ledger.drop(ctx); err != nil {
			fmt.Println("database not dropped:", err)
		}
	}
	if err := p.dropTopics(ctx); err != nil {
		fmt.Println("topics not deleted:", err)
	}
	return err
}

const tail = 25 // lines

// printTails shows the ends of all logs.
func (p *platform) printTails() {
	for _, proc := range p.all {
		text, err := os.ReadFile(proc.log)
		if err != nil || len(text) == 0 {
			continue
		}
		lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
		fmt.Printf("--- the last lines of %s\n%s\n", proc.log, strings.Join(lines[max(0, len(lines)-tail):], "\n"))
	}
}

// mentions are the lines of all logs in which one of ids stands, the last of
// each log.
func (p *platform) mentions(ids []string) string {
	var found []string
	for _, proc := range p.all {
		text, _ := os.ReadFile(proc.log)
		var here []string
		for line := range strings.Lines(string(text)) {
			if slices.ContainsFunc(ids, func(id string) bool { return strings.Contains(line, id) }) {
				here = append(here, proc.name+": "+strings.TrimSpace(line))
			}
		}
		found = append(found, here[max(0, len(here)-tail):]...)
	}
	return strings.Join(found, "\n")
}
