package e2e

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// word is one that nobody else uses.
func (s *story) word() string { return strings.ToLower(rand.Text()) }

// EX-23.
func TestAListIsNewestFirstAndStableWhileRunsArrive(t *testing.T) {
	s := beside(t, time.Minute)
	sub := submission{Language: "static", Script: "print x\n", Labels: map[string]string{"list": s.word()}}
	label := "list=" + sub.Labels["list"]
	var want []string // newest first
	for range 5 {
		want = slices.Insert(want, 0, s.submit(sub).ID)
	}
	var got []string
	cursor := ""
	for page := 0; page == 0 || cursor != ""; page++ {
		query := []string{"label", label, "limit", "2"}
		if cursor != "" {
			query = append(query, "cursor", cursor)
		}
		var items []execution
		items, cursor = s.list(query...)
		for _, x := range items {
			got = append(got, x.ID)
			if x.stdout() != "" || x.stderr() != "" {
				t.Errorf("a row has output: %s", jsonOf(x.Result))
			}
		}
		s.submit(sub) // while one reads
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	items, _ := s.list("label", label)
	for _, x := range items {
		s.ended(x.ID)
	}
	items, _ = s.list("label", label, "status", "completed", "language", "static")
	if len(items) != 8 || !slices.IsSortedFunc(items, func(a, b execution) int { return b.CreatedAt.Compare(a.CreatedAt) }) {
		t.Errorf("%d completed, want 8, newest first: %s", len(items), jsonOf(items))
	}
	if items, _ := s.list("label", label, "status", "failed"); len(items) != 0 {
		t.Errorf("failed: %s", jsonOf(items))
	}
	if items, _ := s.list("label", label, "created_to", items[0].CreatedAt.Format(time.RFC3339Nano)); len(items) != 7 {
		t.Errorf("before the newest: %d, want 7", len(items))
	}
}

// EX-25, EX-29.
func TestATimelineIsCompleteAndInOrder(t *testing.T) {
	s := beside(t, time.Minute)
	secret, printed := s.word(), s.word()
	x := s.run(python("print('" + printed[:13] + "' + '" + printed[13:] + "') # " + secret))
	stories := [][]string{ // each is in order; between them there is none
		{"execution_requested", "execution_accepted", "execution_scheduled"},
		{"execution_requested", "pod_created", "pod_scheduled", "pod_running", "execution_completed", "result_stored", "pod_deleted"},
		{"saga_started", "saga_completed"},
	}
	var types []string
	eventually(t, 20*time.Second, func() (bool, string) {
		types = nil
		for _, e := range s.timeline(x.ID) {
			types = append(types, e.Type)
		}
		for _, story := range stories {
			for _, e := range story {
				if !slices.Contains(types, e) {
					return false, e + " is missing in " + strings.Join(types, " ")
				}
			}
		}
		return true, ""
	})
	for _, story := range stories {
		at := func(a, b string) int { return slices.Index(types, a) - slices.Index(types, b) }
		if !slices.IsSortedFunc(story, at) {
			t.Errorf("want %v in that order, got %v", story, types)
		}
	}
	seen := map[string]bool{}
	for _, e := range s.timeline(x.ID) {
		if seen[e.ID] || e.ID == "" || e.ExecutionID != x.ID || e.Source == "" || e.At.IsZero() {
			t.Errorf("twice, or incomplete: %s", jsonOf(e))
		}
		seen[e.ID] = true
	}
	text := string(s.do(http.MethodGet, "/api/v1/executions/"+x.ID+"/events?limit=1000", nil).body)
	if strings.Contains(text, secret) || strings.Contains(text, printed) {
		t.Error("the script or its output is in the timeline")
	}
	s.checkPages(x.ID, len(types))
}

// checkPages reads a timeline in pages.
func (s *story) checkPages(id string, want int) {
	s.Helper()
	var ids []string
	for after, more := "", true; more; more = after != "" {
		path := "/api/v1/executions/" + id + "/events?limit=3"
		if after != "" {
			path += "&after=" + after
		}
		var page struct {
			Items []event `json:"items"`
			Next  *string `json:"next_cursor"`
		}
		s.into(s.do(http.MethodGet, path, nil), http.StatusOK, &page)
		for _, e := range page.Items {
			ids = append(ids, e.ID)
		}
		after = ""
		if page.Next != nil {
			after = *page.Next
		}
	}
	whole := s.timeline(id)
	if len(ids) < want || !slices.EqualFunc(whole, ids, func(e event, id string) bool { return e.ID == id }) {
		s.Errorf("in pages: %v, at once: %s", ids, jsonOf(whole))
	}
}

// EX-05, EX-08.
func TestLanguagesAndLimitsArePublic(t *testing.T) {
	s := beside(t, time.Minute)
	var page struct {
		Items []struct {
			ID, Name, Example string
			Versions          []string
			FileExtension     string `json:"file_extension"`
		}
	}
	a := s.do(http.MethodGet, "/api/v1/languages", nil)
	s.into(a, http.StatusOK, &page)
	known := map[string]string{}
	for _, l := range page.Items {
		known[l.ID] = strings.Join(l.Versions, " ") + " " + l.FileExtension
	}
	if !strings.Contains(known["python"], "3.11 ") || !strings.HasSuffix(known["python"], " .py") || !strings.Contains(known["bash"], "5.2 ") || known["static"] != "1 .static" {
		t.Errorf("%v", known)
	}
	if got := a.header.Get("Cache-Control"); got != "public, max-age=300" {
		t.Errorf("Cache-Control: %s", got)
	}
	var all struct {
		Limits map[string]struct{ Min, Max, Default int64 }
	}
	s.into(s.do(http.MethodGet, "/api/v1/limits", nil), http.StatusOK, &all)
	if l := all.Limits["timeout_seconds"]; l.Min != 1 || l.Max < 30 || l.Default != 30 {
		t.Errorf("%v", all.Limits)
	}
}
