package bridge

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// Gate holds consumer groups back that operators paused: a Consumer of one
// fetches nothing, finishes and commits what it has, and stays a member of its
// group, so that nobody's partitions move when it goes on. The zero Gate, and a
// nil one, let all through.
type Gate struct {
	mu    sync.Mutex
	doors map[string]*door // by group
}

// door is that of one group.
type door struct {
	paused  bool
	changed chan struct{} // closed when paused is another
}

// Pause pauses these groups and no others, and returns what that changed.
func (g *Gate) Pause(groups ...string) (paused, resumed []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, group := range groups {
		if d := g.door(group); !d.paused {
			d.turn()
			paused = append(paused, group)
		}
	}
	for _, group := range slices.Sorted(maps.Keys(g.doors)) {
		if d := g.doors[group]; d.paused && !slices.Contains(groups, group) {
			d.turn()
			resumed = append(resumed, group)
		}
	}
	return paused, resumed
}

func (d *door) turn() {
	d.paused = !d.paused
	close(d.changed)
	d.changed = make(chan struct{})
}

// door returns that of group. The caller holds the lock.
func (g *Gate) door(group string) *door {
	if g.doors == nil {
		g.doors = make(map[string]*door)
	}
	if g.doors[group] == nil {
		g.doors[group] = &door{changed: make(chan struct{})}
	}
	return g.doors[group]
}

// at tells whether group is paused, and when that changes.
func (g *Gate) at(group string) (paused bool, changed <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	d := g.door(group)
	return d.paused, d.changed
}

// holds reports whether group is paused.
func (g *Gate) holds(group string) bool {
	if g == nil {
		return false
	}
	paused, _ := g.at(group)
	return paused
}

// pass waits until group is not paused, or ctx ends. The context it returns ends
// when it is again, or when leave is called.
func (g *Gate) pass(ctx context.Context, group string) (through context.Context, leave context.CancelFunc) {
	if g == nil {
		return ctx, func() {}
	}
	for {
		paused, changed := g.at(group)
		if !paused {
			through, leave = context.WithCancel(ctx)
			go func() {
				select {
				case <-changed:
					leave()
				case <-through.Done():
				}
			}()
			return through, leave
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx, func() {}
		}
	}
}
