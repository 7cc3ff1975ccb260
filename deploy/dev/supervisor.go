package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// States of a part.
const (
	waiting  = "waiting"
	starting = "starting"
	ready    = "ready"
	stopping = "stopping"
	stopped  = "stopped" // asked for
	killed   = "killed"  // asked for
	failed   = "failed"  // ended by itself
)

// Supervisor runs the parts. It restarts nothing: a part that ends by itself is failed until someone starts it.
type Supervisor struct {
	dirs  Dirs
	parts []*Part
	say   func(string)

	mu  sync.Mutex
	now map[string]*condition
}

// condition is how a part is.
type condition struct {
	state   string
	process *process
}

func newSupervisor(dirs Dirs, parts []*Part, say func(string)) *Supervisor {
	s := &Supervisor{dirs: dirs, parts: parts, say: say, now: map[string]*condition{}}
	for _, p := range parts {
		s.now[p.Name] = &condition{state: waiting}
	}
	return s
}

func (s *Supervisor) part(name string) (*Part, error) {
	for _, p := range s.parts {
		if p.Name == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("there is no part %q here; codesaga-dev status lists them", name)
}

// startAll starts every part as soon as what it needs is ready. The first failure ends the waiting of the others.
func (s *Supervisor) startAll(ctx context.Context, p *Progress) error {
	up := map[string]chan struct{}{}
	for _, part := range s.parts {
		up[part.Name] = make(chan struct{})
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, part := range s.parts {
		group.Go(func() error {
			for _, need := range part.Needs {
				// A part that is given is not in the table: its channel is nil and never ready.
				if up[need] == nil {
					continue
				}
				select {
				case <-up[need]:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			defer close(up[part.Name])
			return p.Task("start "+part.Name, func() error { return s.start(ctx, part) })
		})
	}
	return group.Wait()
}

// start starts one part and waits until it is ready.
func (s *Supervisor) start(ctx context.Context, part *Part) error {
	s.mu.Lock()
	condition := s.now[part.Name]
	if slices.Contains([]string{starting, ready, stopping}, condition.state) {
		s.mu.Unlock()
		return fmt.Errorf("%s is %s", part.Name, condition.state)
	}
	condition.state, condition.process = starting, nil
	s.mu.Unlock()
	err := s.launch(ctx, part, condition)
	if err == nil {
		return nil
	}
	s.mu.Lock()
	if condition.state == starting {
		condition.state = failed
	}
	s.mu.Unlock()
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &failure{part: part.Name, log: s.dirs.log(part.Name), err: err}
}

func (s *Supervisor) launch(ctx context.Context, part *Part, c *condition) error {
	if part.Before != nil {
		if err := part.Before(ctx); err != nil {
			return err
		}
	}
	process, err := startProcess(s.dirs, part)
	if err != nil {
		return err
	}
	s.mu.Lock()
	c.process = process
	s.mu.Unlock()
	go s.watch(part, c, process)
	if err := process.waitReady(ctx, part); err != nil {
		return err
	}
	if part.After != nil {
		if err := part.After(ctx); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.state != starting {
		return fmt.Errorf("%s while it was starting", c.state)
	}
	c.state = ready
	return nil
}

// watch reports the end of a process that nobody asked for.
func (s *Supervisor) watch(part *Part, c *condition, process *process) {
	<-process.ended
	s.mu.Lock()
	unexpected := c.process == process && (c.state == ready || c.state == starting)
	was := c.state
	if unexpected {
		c.state = failed
	}
	s.mu.Unlock()
	if unexpected && was == ready {
		failure := &failure{part: part.Name, log: s.dirs.log(part.Name), err: exitOf(process.err)}
		s.say(fmt.Sprintf("PART FAILED: it ended by itself and is not restarted (codesaga-dev start %s)\n%v", part.Name, failure))
	}
}

// end stops one part: with SIGTERM and patience, or at once. What is not running is only noted.
func (s *Supervisor) end(part *Part, sig syscall.Signal) error {
	s.mu.Lock()
	c := s.now[part.Name]
	process, after := c.process, stopped
	if sig == syscall.SIGKILL {
		after = killed
	}
	if process == nil || c.state == stopped || c.state == killed {
		c.state = after
		s.mu.Unlock()
		return nil
	}
	c.state = stopping
	s.mu.Unlock()
	err := process.stop(sig, part.Grace)
	s.mu.Lock()
	defer s.mu.Unlock()
	c.state = after
	_ = os.Remove(pidFile(s.dirs, part.Name))
	return err
}

// stopAll stops every part after those that need it.
func (s *Supervisor) stopAll() error {
	gone := map[string]chan struct{}{}
	for _, part := range s.parts {
		gone[part.Name] = make(chan struct{})
	}
	var group errgroup.Group
	for _, part := range s.parts {
		group.Go(func() error {
			defer close(gone[part.Name])
			for _, other := range s.parts {
				if slices.Contains(other.Needs, part.Name) {
					<-gone[other.Name]
				}
			}
			if err := s.end(part, syscall.SIGTERM); err != nil {
				return fmt.Errorf("stopping %s: %w", part.Name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// Report is how one part is, as the control socket tells it.
type Report struct {
	Part, State, Address, Log string
	Pid                       int
	Began                     time.Time
}

func (s *Supervisor) report() []Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Report
	for _, part := range s.parts {
		c := s.now[part.Name]
		r := Report{Part: part.Name, State: c.state, Log: s.dirs.log(part.Name)}
		if len(part.Listens) > 0 {
			r.Address = part.Listens[0]
		} else {
			r.Address = s.dirs.containerd()
		}
		if c.process != nil && slices.Contains([]string{starting, ready, stopping}, c.state) {
			r.Pid, r.Began = c.process.pid, c.process.began
		}
		all = append(all, r)
	}
	return all
}
