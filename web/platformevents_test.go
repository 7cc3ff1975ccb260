package web

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// platformBook has one event, and notes what was asked for.
type platformBook struct{ asked execution.PlatformQuery }

func (b *platformBook) PlatformEvents(_ context.Context, q execution.PlatformQuery) ([]execution.PlatformEvent, string, error) {
	b.asked = q
	return []execution.PlatformEvent{{ID: "l1/died/0/1", Type: execution.LetterReceivedEvent, Source: execution.SourceLetters, Letter: &execution.LetterNews{ID: "l1"}}}, "", nil
}

func TestEventsOfThePlatformAreBrowsed(t *testing.T) {
	s, _, _ := serve(nil)
	b := &platformBook{}
	s.PlatformBook = b
	const path = "/api/v1/admin/platform-events"
	w := ask(s, "GET", path+"?event_type=dlq_message_received&event_type=x&user_id=op&from=2026-11-27T00:00:00Z&limit=3&cursor=c", "", "User", "op")
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"letter":{"id":"l1"`) || !strings.Contains(w.Body.String(), `"next_cursor":null`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if a := b.asked; len(a.Types) != 2 || a.UserID != "op" || !a.From.Equal(time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)) || a.Limit != 3 || a.Cursor != "c" {
		t.Errorf("%+v", a)
	}
	for _, query := range []string{"?limit=501", "?from=today", "?event_type=A"} {
		if w := ask(s, "GET", path+query, "", "User", "op"); w.Code != 422 {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}
