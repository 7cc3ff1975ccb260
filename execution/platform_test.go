package execution

import (
	"testing"
	"time"
)

// DL-10: what happens to a letter is told, the same each time, without what it
// carries or what an error quotes of it.
func TestNewsOfALetter(t *testing.T) {
	at := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	l := Letter{
		ID: "l1", Origin: LetterOrigin{Topic: "execution_events", Partition: 3, Offset: 9, Group: "projector"}, EventType: "pod_running", ExecutionID: "x1", Class: "invalid",
		Error: "secret", Value: []byte("secret"), Untold: []LetterEntry{
			{At: at, What: "died", Class: "internal", Note: "secret"},
			{At: at.Add(time.Second), What: "discarded", By: "op", Note: "a duplicate", Round: 2},
		},
	}
	news := l.News()
	if len(news) != 2 {
		t.Fatalf("%+v", news)
	}
	want := LetterNews{ID: "l1", Topic: "execution_events", Partition: 3, Offset: 9, Group: "projector", EventType: "pod_running", ExecutionID: "x1", Class: "internal"}
	if e := news[0]; e.Type != "dlq_message_received" || *e.Letter != want || e.ID != "l1/died/0/1795780800000" || e.UserID != "" || !e.At.Equal(at) {
		t.Errorf("%+v %+v", e, *e.Letter)
	}
	want.Class, want.Round, want.Note = "invalid", 2, "a duplicate"
	if e := news[1]; e.Type != "dlq_message_discarded" || *e.Letter != want || e.UserID != "op" {
		t.Errorf("%+v %+v", e, *e.Letter)
	}
	for what, told := range map[string]bool{"died": true, "retried": true, "parked": true, "archived": true, "restored": true, "discarded": true, "redriven": false, "asked": false} {
		if (LetterEntry{What: what}).Told() != told {
			t.Error(what)
		}
	}
	l.Origin.Topic = PlatformEventsTopic
	if l.News() != nil {
		t.Error("news of a letter that is news")
	}
}
