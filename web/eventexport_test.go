package web

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/codesaga/codesaga/execution"
)

// What is exported is what is browsed, all of it and in its order.
func TestExportsHaveEachEvent(t *testing.T) {
	all := happened(1234)
	all[7].Outcome = &execution.Outcome{Status: execution.Errored, Message: `=HYPERLINK("x")`, Reason: "+1", ExitCode: new(int32)}
	all[7].UserID = "@ann"
	for _, limit := range []int{1, 500, 501, 1234, 2000} {
		want := min(limit, len(all))
		for format, read := range map[string]func(io.Reader) []string{"csv": fromCSV(t), "json": fromJSON(t), "ndjson": fromNDJSON(t)} {
			s, _, _ := serve(nil)
			e := s.withEvents(all...)
			w := ask(s, "GET", fmt.Sprintf("/api/v1/admin/events/export?format=%s&limit=%d&user_id=ann", format, limit), "", "User", "op")
			ids := read(w.Body)
			if len(ids) != want || ids[want-1] != all[want-1].ID || e.query.UserID != "ann" || e.page.Limit > exportPage {
				t.Errorf("%s of %d: %d events, pages of %d", format, limit, len(ids), e.page.Limit)
			}
			name := regexp.MustCompile(`^attachment; filename="(events-\d{8}T\d{6}Z\.` + format + `)"; filename\*=UTF-8''(events-\d{8}T\d{6}Z\.` + format + `)$`)
			if names := name.FindStringSubmatch(w.Header().Get("Content-Disposition")); len(names) != 3 || names[1] != names[2] || w.Header().Get("Content-Type") != exportFormats[format] {
				t.Errorf("%s: %v", format, w.Header())
			}
		}
	}
	s, _, _ := serve(nil)
	s.withEvents()
	for format, want := range map[string]string{"csv": strings.Join(exportColumns, ",") + "\r\n", "json": "[]\n", "ndjson": ""} {
		if w := ask(s, "GET", "/api/v1/admin/events/export?format="+format, "", "User", "op"); w.Code != 200 || w.Body.String() != want {
			t.Errorf("nothing as %s: %q", format, w.Body)
		}
	}
}

func fromCSV(t *testing.T) func(io.Reader) []string {
	return func(r io.Reader) (ids []string) {
		rows, err := csv.NewReader(r).ReadAll()
		if err != nil || len(rows) == 0 {
			t.Fatal(err)
		}
		for i, row := range rows[1:] {
			for _, cell := range row {
				if cell != "" && strings.ContainsAny(cell[:1], "=+-@") {
					t.Errorf("a formula: %q", cell)
				}
			}
			if i == 7 && (row[3] != "'@ann" || row[12] != `'=HYPERLINK("x")` || row[11] != "0") {
				t.Errorf("%q", row)
			}
			ids = append(ids, row[0])
		}
		return ids
	}
}

func fromJSON(t *testing.T) func(io.Reader) []string {
	return func(r io.Reader) (ids []string) {
		var all []execution.Recorded
		if err := json.NewDecoder(r).Decode(&all); err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			ids = append(ids, e.ID)
		}
		return ids
	}
}

func fromNDJSON(t *testing.T) func(io.Reader) []string {
	return func(r io.Reader) (ids []string) {
		for lines := bufio.NewScanner(r); lines.Scan(); {
			var e execution.Recorded
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, e.ID)
		}
		return ids
	}
}

// An export that cannot be read to its end never looks whole.
func TestBrokenExportIsCutOff(t *testing.T) {
	for _, format := range []string{"csv", "json", "ndjson"} {
		for fail := 1; fail <= 3; fail++ {
			s, _, _ := serve(nil)
			e := s.withEvents(happened(1200)...)
			e.fail = fail
			server := httptest.NewServer(s.Handler())
			r, _ := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/api/v1/admin/events/export?format="+format, nil)
			r.Header.Set("User", "op")
			resp, err := http.DefaultClient.Do(r)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				err = cmp.Or(err, map[bool]error{true: errSecret}[resp.StatusCode == 500])
			}
			if err == nil {
				t.Errorf("%s, page %d: it looks whole", format, fail)
			}
			server.Close()
		}
	}
}
