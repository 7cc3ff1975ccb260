package web

import "time"

// A look is when to read the store again: soon after a wake-up, which the
// store may not have caught up with, and ever later while nothing is new.
type look struct {
	timer *time.Timer
	pause time.Duration
	most  time.Duration
}

// newLook returns a look in a second. Pauses double up to most.
func newLook(most time.Duration) *look {
	return &look{timer: time.NewTimer(time.Second), pause: time.Second, most: most}
}

// soon is now, and then 20 ms later.
func (l *look) soon() {
	l.pause = 10 * time.Millisecond
	l.timer.Reset(0)
}

// calm ends the haste after soon: what it was for has come.
func (l *look) calm() { l.pause = max(l.pause, time.Second) }

// later is twice as late as the last time.
func (l *look) later() {
	l.pause = min(2*l.pause, l.most)
	l.timer.Reset(l.pause)
}
