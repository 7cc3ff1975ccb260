package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// inbox keeps notices in memory, which are numbered by hand.
type inbox struct {
	mu   sync.Mutex
	all  []execution.Notice
	last execution.NoticeFilter
}

func (i *inbox) add(number int64, user, what string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := execution.NewNotice(user, what, execution.SeverityHigh, what, "", time.Now(), "execution")
	n.Number = number
	i.all = append(i.all, n)
}

func (i *inbox) of(user string, keep func(execution.Notice) bool) (some []execution.Notice) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, n := range i.all {
		if n.UserID == user && keep(n) {
			some = append(some, n)
		}
	}
	return some
}

func (i *inbox) Notices(_ context.Context, user string, f execution.NoticeFilter) ([]execution.Notice, string, error) {
	i.last = f
	return i.of(user, func(execution.Notice) bool { return true }), "7", nil
}

func (i *inbox) UnreadNotices(_ context.Context, user string) (int64, error) {
	return int64(len(i.of(user, func(n execution.Notice) bool { return n.Read.IsZero() }))), nil
}

func (i *inbox) ReadNotice(_ context.Context, user, id string) (execution.Notice, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for at, n := range i.all {
		if n.UserID == user && n.ID == id {
			i.all[at].Read = time.Now()
			return i.all[at], nil
		}
	}
	return execution.Notice{}, execution.Errorf(execution.NotFound, "no notice %s", id)
}

func (i *inbox) ReadNotices(ctx context.Context, user string) (int64, error) {
	all := i.of(user, func(n execution.Notice) bool { return n.Read.IsZero() })
	for _, n := range all {
		_, _ = i.ReadNotice(ctx, user, n.ID)
	}
	return int64(len(all)), nil
}

func (i *inbox) DeleteNotice(_ context.Context, user, id string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	before := len(i.all)
	if i.all = slices.DeleteFunc(i.all, func(n execution.Notice) bool { return n.UserID == user && n.ID == id }); len(i.all) == before {
		return execution.Errorf(execution.NotFound, "no notice %s", id)
	}
	return nil
}

func (i *inbox) LastNotice(_ context.Context, user string) (number int64, err error) {
	for _, n := range i.of(user, func(execution.Notice) bool { return true }) {
		number = n.Number
	}
	return number, nil
}

func (i *inbox) NoticesSince(_ context.Context, user string, number int64, limit int) ([]execution.Notice, error) {
	all := i.of(user, func(n execution.Notice) bool { return n.Number > number })
	return all[:min(len(all), limit)], nil
}

const notifications = "/api/v1/notifications"

func TestNoticesAreTheirUsers(t *testing.T) {
	s, _, _ := serve(nil)
	box := &inbox{}
	s.Inbox = box
	box.add(1, "ann", "a")
	box.add(2, "bob", "b")
	id := box.all[0].ID
	for _, tt := range []struct {
		method, path, user string
		status             int
		says               string
	}{
		{"GET", "", "ann", 200, `"subject":"a"`},
		{"GET", "?unread=true&severity=high&tag=exec:*&limit=3&cursor=9", "ann", 200, `"next_cursor":"7","unread_count":1`},
		{"GET", "", "eve", 200, `{"items":[],`},
		{"GET", "?severity=loud", "ann", 422, "severity"},
		{"GET", "?limit=101", "ann", 422, "1..100"},
		{"GET", "?tag=a*b", "ann", 422, "tag"},
		{"POST", "/" + id + "/read", "bob", 404, "no notice"},
		{"POST", "/" + id + "/read", "ann", 200, `"read_at":"2`},
		{"POST", "/read-all", "bob", 200, `{"read":1}`},
		{"POST", "/read-all", "bob", 200, `{"read":0}`},
		{"DELETE", "/" + id, "bob", 404, ""},
		{"DELETE", "/" + id, "ann", 204, ""},
		{"DELETE", "/" + id, "ann", 404, ""},
		{"GET", "", "nobody", 401, ""},
		{"GET", "/stream", "nobody", 401, ""},
	} {
		if w := ask(s, tt.method, notifications+tt.path, "", "User", tt.user); w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) {
			t.Errorf("%s %s by %s: %d %s", tt.method, tt.path, tt.user, w.Code, w.Body)
		}
	}
}

// noticeStream follows the notices to ann, who comes back with last, for a time.
func noticeStream(t *testing.T, s *Server, last string, within time.Duration) string {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), within)
	defer stop()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, notifications+"/stream", nil)
	r.Header.Set("Last-Event-ID", last)
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	all, _ := frames(w)
	var got []string
	for _, f := range all {
		switch f.event {
		case "notification":
			got = append(got, f.id)
		case "unread_count", "gap":
			got = append(got, f.data)
		}
	}
	return strings.Join(got, " ")
}

// SS-10: notices come at once and once, and who comes back gets what was missed
// of the last day.
func TestNoticesAreStreamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live := make(feedOf, 10)
		s, _, _ := serve(live)
		box := &inbox{}
		s.Inbox = box
		now := time.Now().UnixMicro()
		old, a, b, c := now-25*time.Hour.Microseconds(), now-2, now-1, now+1e6
		box.add(old, "ann", "old")
		box.add(a, "ann", "a")
		box.add(b, "ann", "b")
		n := func(numbers ...int64) string {
			var all []string
			for _, number := range numbers {
				all = append(all, strconv.FormatInt(number, 10))
			}
			return strings.Join(all, " ")
		}
		count := func(n string) string { return `{"unread_count":` + n + `}` }
		if got, want := noticeStream(t, s, "", time.Second), count("3"); got != want {
			t.Errorf("anew: %s, want %s", got, want)
		}
		if got, want := noticeStream(t, s, n(a), time.Second), n(b)+" "+count("3"); got != want {
			t.Errorf("back: %s, want %s", got, want)
		}
		if got := noticeStream(t, s, n(old-1), time.Second); !strings.HasPrefix(got, `{"reason":"missing","after":"`+n(old-1)) || !strings.HasSuffix(got, "} "+n(a, b)+" "+count("3")) {
			t.Errorf("back after a day: %s", got)
		}
		if got := noticeStream(t, s, "0190c0de", time.Second); !strings.HasPrefix(got, `{"reason":"unknown_id"`) {
			t.Errorf("back from elsewhere: %s", got)
		}
		live <- new(execution.Update{}) // the store has it a little later
		time.AfterFunc(100*time.Millisecond, func() {
			box.add(c, "ann", "c")
			box.add(c, "bob", "c")
		})
		if got, want := noticeStream(t, s, n(b), 300*time.Millisecond), count("3")+" "+n(c)+" "+count("4"); got != want {
			t.Errorf("live: %s, want %s", got, want)
		}
		time.AfterFunc(time.Second, func() { _, _ = box.ReadNotices(t.Context(), "ann") }) // in another window
		if got, want := noticeStream(t, s, n(c), 20*time.Second), count("4")+" "+count("0"); got != want {
			t.Errorf("read elsewhere: %s, want %s", got, want)
		}
	})
}
