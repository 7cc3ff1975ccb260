package temporal

import (
	"strings"
	"testing"
)

// A dry run says what is missing, also where nothing is, and makes none of it.
func TestADryRunOfSetupOnlyTells(t *testing.T) {
	w, ctx := open(t)
	for namespace, want := range map[string]int{w.namespace: 1, "test-absent-" + w.namespace: 8} { // the schedule of sweeps is deleted here
		for range 2 {
			changes, err := Setup(ctx, w.sagas.Client, namespace, true)
			if err != nil || len(changes) != want || !strings.Contains(changes[want-1], "schedule "+sweepID) {
				t.Errorf("%s: %v, %q", namespace, err, changes)
			}
		}
	}
}
