package web

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codesaga/codesaga/execution"
)

const usageOf = "/api/v1/usage?from=2026-08-01T00:00:00Z&to=2026-09-01T00:00:00Z"

func TestUsageReport(t *testing.T) {
	s, m, _ := serve(nil)
	g := s.withGroups(m)
	g.usage = []execution.UsageRow{
		{Key: "2026-08-01", Runs: 2, ByStatus: map[execution.Status]int64{execution.Completed: 1, execution.Failed: 1}, CPUSeconds: 0.5, GiBSeconds: 0.25, QueueSeconds: 1, WallSeconds: 2},
		{Key: "2026-08-02", Runs: 1, ByStatus: map[execution.Status]int64{execution.Completed: 1}, CPUSeconds: 1},
	}
	r := read[struct {
		From    time.Time
		GroupBy string `json:"group_by"`
		Items   []execution.UsageRow
		Total   execution.UsageRow
	}](t, ask(s, "GET", usageOf, ""))
	want := execution.UsageRow{Key: "total", Runs: 3, ByStatus: map[execution.Status]int64{execution.Completed: 2, execution.Failed: 1}, CPUSeconds: 1.5, GiBSeconds: 0.25, QueueSeconds: 1, WallSeconds: 2}
	if diff := cmp.Diff(want, r.Total); diff != "" || len(r.Items) != 2 || r.GroupBy != "day" || r.From.Month() != time.August {
		t.Errorf("%+v %s", r, diff)
	}
	if f := g.asked; f.UserID != "ann" || f.GroupBy != "day" || f.To.Sub(f.From) != 31*24*time.Hour {
		t.Errorf("asked for %+v", f)
	}
	g.usage = nil
	if w := ask(s, "GET", usageOf, ""); !strings.Contains(w.Body.String(), `"items":[]`) {
		t.Errorf("nothing: %s", w.Body)
	}
}

func TestUsageOfWhom(t *testing.T) {
	tests := []struct {
		user, query string
		status      int
		of          string // empty: all
	}{
		{"ann", "", 200, "ann"},
		{"ann", "&user_id=ann&group_by=language", 200, "ann"},
		{"ann", "&user_id=bob", 403, ""},
		{"ann", "&all=true", 403, ""},
		{"ann", "&group_by=user", 403, ""},
		{"op", "", 200, "op"},
		{"op", "&all=true", 200, ""},
		{"op", "&user_id=bob", 200, "bob"},
		{"op", "&group_by=user", 200, ""},
		{"op", "&group_by=user&user_id=bob", 200, "bob"},
	}
	for _, tt := range tests {
		s, m, _ := serve(nil)
		g := s.withGroups(m)
		if w := ask(s, "GET", usageOf+tt.query, "", "User", tt.user); w.Code != tt.status || g.asked.UserID != tt.of {
			t.Errorf("%s%s: %d, of %q", tt.user, tt.query, w.Code, g.asked.UserID)
		}
	}
}

func TestUsageThatIsRefused(t *testing.T) {
	s, m, _ := serve(nil)
	s.withGroups(m)
	for query, field := range map[string]string{
		"": "from", "?from=2026-08-01T00:00:00Z": "to", "?to=2026-08-01T00:00:00Z": "from", "?from=yesterday&to=2026-08-01T00:00:00Z": "from",
		"?from=2026-08-01T00:00:00Z&to=2026-08-01T00:00:00Z": "to", "?from=2025-08-01T00:00:00Z&to=2026-08-02T00:00:01Z": "to",
		"?from=2026-08-01T00:00:00Z&to=2026-08-02T00:00:00Z&group_by=moon": "group_by",
	} {
		if w := ask(s, "GET", "/api/v1/usage"+query, ""); w.Code != 422 || read[Problem](t, w).Errors[0].Field != field {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
	if w := ask(s, "GET", "/api/v1/usage?from=2025-08-01T00:00:00Z&to=2026-08-02T00:00:00Z", ""); w.Code != 200 {
		t.Errorf("366 days: %d %s", w.Code, w.Body)
	}
}

// No spreadsheet runs what stands in a table of ours.
func TestUsageAsATable(t *testing.T) {
	s, m, _ := serve(nil)
	g := s.withGroups(m)
	keys := []string{`=HYPERLINK("http://x")`, "+1", "-1", "@SUM(1)", "\tx", "\rx", "a,\"b\"", "ann"}
	for _, key := range keys {
		g.usage = append(g.usage, execution.UsageRow{Key: key, Runs: 1, ByStatus: map[execution.Status]int64{execution.TimedOut: 1}, CPUSeconds: 0.12345})
	}
	w := ask(s, "GET", usageOf+"&group_by=user", "", "User", "op", "Accept", "text/csv")
	if kind := w.Header().Get("Content-Type"); !strings.HasPrefix(kind, "text/csv") || !strings.Contains(w.Header().Get("Content-Disposition"), "attachment") || w.Header().Get("Vary") != "Accept" {
		t.Errorf("%v", w.Header())
	}
	rows, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(rows) != 9 || strings.Join(rows[0], " ") != "user runs completed failed timeout cancelled error cpu_seconds gib_seconds queue_seconds wall_seconds" {
		t.Fatalf("%v, %v", rows, err)
	}
	for i, row := range rows[1:] {
		key := strings.ReplaceAll(keys[i], "\r", "") // it is not kept
		if first := row[0]; first != key && first != "'"+key || strings.ContainsAny(first[:1], "=+-@\t\r") {
			t.Errorf("%q became %q", keys[i], first)
		}
	}
	if got := strings.Join(rows[8], " "); got != "ann 1 0 0 1 0 0 0.123 0.000 0.000 0.000" {
		t.Error(got)
	}
	for accept, kind := range map[string]string{"": "application/json", "*/*": "application/json", "text/html,*/*;q=0.8": "application/json", "application/json": "application/json"} {
		if w := ask(s, "GET", usageOf, "", "Accept", accept); !strings.HasPrefix(w.Header().Get("Content-Type"), kind) {
			t.Errorf("%q: %s", accept, w.Header().Get("Content-Type"))
		}
	}
}
