package tracing

import "testing"

func TestATraceIsReadAsItWasWritten(t *testing.T) {
	const span = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	if got := Parent(Within(t.Context(), span)); got != span {
		t.Errorf("%q", got)
	}
	for _, none := range []string{"", "nonsense", "00-0-0-00"} {
		if got := Parent(Within(t.Context(), none)); got != "" {
			t.Errorf("%q came of %q", got, none)
		}
		if got := Parent(Within(Within(t.Context(), span), none)); got != span {
			t.Errorf("%q took it away: %q", none, got)
		}
	}
}
