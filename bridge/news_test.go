package bridge

import (
	"context"
	"testing"

	"github.com/segmentio/kafka-go"

	"github.com/codesaga/codesaga/execution"
)

// DL-10: nobody is told twice because it was done, and nothing is noted as told
// that was not written.
func TestNewsOfLettersAreToldUntilTheyAreWritten(t *testing.T) {
	w := &topics{breaks: PlatformTopic}
	bus := &Publisher{Writer: w, Codecs: codecs(stocked(), "")}
	waiting := map[string]execution.Letter{}
	for _, id := range []string{"l1", "l2"} {
		waiting[id] = execution.Letter{ID: id, Untold: []execution.LetterEntry{{At: noon, What: "died"}, {At: noon, What: "discarded", By: "op"}}}
	}
	n := LetterNews{
		Untold: func(context.Context, int) (all []execution.Letter, err error) {
			for _, l := range waiting {
				all = append(all, l)
			}
			return all, nil
		},
		Tell: bus.Tell, Log: quiet,
		Told: func(_ context.Context, l execution.Letter) error { delete(waiting, l.ID); return nil },
	}
	if err := n.look(t.Context()); execution.KindOf(err) != execution.Unavailable || len(waiting) != 2 {
		t.Fatalf("%v, %d wait", err, len(waiting))
	}
	w.breaks = ""
	for range 2 {
		if err := n.look(t.Context()); err != nil || len(waiting) != 0 || len(w.written) != 4 {
			t.Fatalf("%v, %d wait, %d were written", err, len(waiting), len(w.written))
		}
	}
	keys := map[string]int{}
	var kept []execution.PlatformEvent
	keep := On(bus.Codecs.Platform, func(_ context.Context, e execution.PlatformEvent) error { kept = append(kept, e); return nil })
	for _, m := range w.written {
		keys[string(m.Key)]++
		if err := keep(t.Context(), kafka.Message{Value: m.Value}); err != nil {
			t.Fatal(err)
		}
		if h := headersOf(m); h[idHeader] != kept[len(kept)-1].ID || h["ce_source"] != "codesaga/letters" {
			t.Errorf("%v", h)
		}
	}
	if keys["op"] != 2 || keys["letters"] != 2 {
		t.Errorf("%v", keys)
	}
}
