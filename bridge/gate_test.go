package bridge

import (
	"slices"
	"testing"
)

// A group that is paused under load does what its members have in hand and no
// more, whoever joins or leaves meanwhile. Then it goes on where it was.
func TestAPausedGroupWaits(t *testing.T) {
	t.Parallel()
	trial := tryOut(t)
	trial.write(1000)
	gates := []*Gate{new(Gate), new(Gate), new(Gate)} // each process has one
	stops := []func(){trial.consumeBehind(gates[0], trial.inTurn), trial.consumeBehind(gates[1], trial.inTurn)}
	trial.let(200)
	for _, g := range gates {
		g.Pause(triers, "somebody else's")
	}
	trial.mu.Lock()
	trial.may = trial.wrote // who fetched more now would do it
	trial.tell()
	trial.mu.Unlock()
	stops = append(stops, trial.consumeBehind(gates[2], trial.inTurn))
	if _, err := trial.fake.WaitGroupStable(t.Context(), triers, 3); err != nil {
		t.Fatal(err)
	}
	stops[0]()
	if _, err := trial.fake.WaitGroupStable(t.Context(), triers, 2); err != nil { // a paused member stays one
		t.Fatal(err)
	}
	trial.mu.Lock()
	if inHand := 2 * (64 + 1); trial.done > 200+inHand {
		t.Errorf("%d messages were done, 200 before the pause: the two can have had %d in hand", trial.done, inHand)
	}
	trial.mu.Unlock()
	for _, g := range gates {
		g.Pause("somebody else's")
	}
	<-trial.finished()
	trial.audit()
	for _, stop := range stops {
		stop()
	}
}

func TestGateSaysWhatChanged(t *testing.T) {
	var g Gate
	for i, step := range []struct{ pause, paused, resumed []string }{
		{[]string{"a", "b"}, []string{"a", "b"}, nil},
		{[]string{"b", "b", "c"}, []string{"c"}, []string{"a"}},
		{[]string{"b", "c"}, nil, nil},
		{nil, nil, []string{"b", "c"}},
	} {
		if paused, resumed := g.Pause(step.pause...); !slices.Equal(paused, step.paused) || !slices.Equal(resumed, step.resumed) {
			t.Errorf("%d: paused %q, resumed %q", i, paused, resumed)
		}
	}
}
