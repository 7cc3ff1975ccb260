package e2e

import (
	"net/http"
	"sync"
	"testing"
	"time"
)

// TestEV26OutagesOfHalfAMinute takes the registry, Kafka and MongoDB away for
// half a minute while runs are submitted all the time, by three callers at both
// web processes. What is not accepted is answered 503 with Retry-After, soon;
// what is accepted ends as if nothing had happened, once, with its output whole.
func TestEV26OutagesOfHalfAMinute(t *testing.T) {
	atLast(t)
	the.crashing()
	for _, part := range []string{"registry", "kafka", "mongo"} {
		t.Run(part, func(t *testing.T) {
			l := &outage{story: begin(t, 6*time.Minute), part: part, end: make(chan struct{})}
			var callers sync.WaitGroup
			for i := range 3 {
				callers.Go(func() { l.call(i) })
			}
			pause(l.ctx, 3*time.Second)
			l.dev("kill", part)
			pause(l.ctx, 30*time.Second) // the outage itself
			l.dev("start", part)
			l.heal()
			close(l.end)
			callers.Wait()
			t.Logf("without %s: %d accepted, %d refused, the slowest answer after %.1f s", part, len(l.ids), l.refused, l.slowest.Seconds())
			if len(l.ids) < 3 {
				t.Errorf("only %d runs were accepted before, during and after", len(l.ids))
			}
			for _, id := range l.ids {
				l.unharmedWithin(id, counted(3), 2*time.Minute) // a hundred may have come in the meantime
			}
		})
	}
}

// outage is what callers meet while a part is away.
type outage struct {
	*story
	part string
	end  chan struct{} // closed when nothing more is to be submitted

	mu      sync.Mutex
	ids     []string // accepted
	refused int
	slowest time.Duration
}

// call submits one run after the other, at the i-th web process.
func (l *outage) call(i int) {
	at := &story{T: l.T, ctx: l.ctx, base: the.urls[i%len(the.urls)]}
	for {
		select {
		case <-l.end:
			return
		case <-l.ctx.Done():
			return
		default:
		}
		began := time.Now()
		a, err := at.try(l.ctx, http.MethodPost, "/api/v1/executions", counter(3))
		l.answered(a, err, time.Since(began))
		pause(l.ctx, 1500*time.Millisecond) // between two runs of a caller: the node runs two or three a second
	}
}

func (l *outage) answered(a answer, err error, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slowest = max(l.slowest, took)
	switch {
	case err != nil:
		l.Errorf("without %s: POST: %v", l.part, err)
	case took > 12*time.Second: // the API gives up after ten
		l.Errorf("without %s: POST took %s", l.part, took)
	case a.status == http.StatusAccepted:
		var x execution
		l.into(a, http.StatusAccepted, &x)
		l.note(x.ID)
		l.ids = append(l.ids, x.ID)
	case a.status != http.StatusServiceUnavailable:
		l.Errorf("without %s: POST: %d %.300s", l.part, a.status, a.body)
	case a.header.Get("Retry-After") == "":
		l.Errorf("without %s: 503 without Retry-After", l.part)
	default:
		l.refused++
	}
}
