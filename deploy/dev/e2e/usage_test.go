package e2e

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// bill is a row of a report of usage.
type bill struct {
	Key   string         `json:"key"`
	Runs  int            `json:"runs"`
	By    map[string]int `json:"by_status"`
	CPU   float64        `json:"cpu_seconds"`
	GiB   float64        `json:"gib_seconds"`
	Queue float64        `json:"queue_seconds"`
	Wall  float64        `json:"wall_seconds"`
}

// usage is the report of the last and the next hour.
func (s *story) usage(query string) string {
	from, to := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	return "/api/v1/usage?from=" + url.QueryEscape(from) + "&to=" + url.QueryEscape(to) + query
}

// BY-18: what the report says of a user is what the runs say of themselves.
func TestUsageAgreesWithTheRuns(t *testing.T) {
	s := beside(t, 3*time.Minute)
	me := s.as("meter-" + s.word())
	burn := python("import time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: pass")
	burn.Limits = &limits{Memory: 256 << 20}
	want := map[string]*bill{"python": {}, "bash": {}}
	for _, x := range me.runs(burn, bash("sleep 1"), bash("exit 3"), bash("echo x")) {
		var full struct {
			Result struct {
				Wall        float64 `json:"wall_time_seconds"`
				CPU         float64 `json:"cpu_time_seconds"`
				CompileWall float64 `json:"compile_wall_time_seconds"`
				CompileCPU  float64 `json:"compile_cpu_time_seconds"`
				GiB         float64 `json:"gib_seconds"`
				Queue       float64 `json:"queue_seconds"`
			}
		}
		me.into(me.do(http.MethodGet, "/api/v1/executions/"+x.ID, nil), http.StatusOK, &full)
		r, sum := full.Result, want[x.Language]
		sum.Runs++
		sum.CPU, sum.Wall = sum.CPU+r.CPU+r.CompileCPU, sum.Wall+r.Wall+r.CompileWall
		sum.GiB, sum.Queue = sum.GiB+r.GiB, sum.Queue+r.Queue
	}
	var report struct {
		Items []bill
		Total bill
	}
	me.into(me.do(http.MethodGet, me.usage("&group_by=language"), nil), http.StatusOK, &report)
	if len(report.Items) != 2 || report.Total.Runs != 4 || report.Total.By["completed"] != 3 || report.Total.By["failed"] != 1 {
		t.Fatalf("%s", jsonOf(report))
	}
	for _, got := range report.Items {
		if w := want[got.Key]; got.Runs != w.Runs || !near(got.CPU, w.CPU) || !near(got.Wall, w.Wall) || !near(got.GiB, w.GiB) || !near(got.Queue, w.Queue) {
			t.Errorf("%s, the runs say %s", jsonOf(got), jsonOf(w))
		}
	}
	if python := want["python"]; python.CPU < 0.5 || python.GiB < 0.5*256/1024 {
		t.Errorf("half a second in 256 MiB: %s", jsonOf(python))
	}
	op := s.as(operator)
	op.into(op.do(http.MethodGet, op.usage("&group_by=user&user_id="+me.user), nil), http.StatusOK, &report)
	if len(report.Items) != 1 || report.Items[0].Key != me.user || report.Items[0].Runs != 4 {
		t.Errorf("by user: %s", jsonOf(report))
	}
	s.refuse(me.do(http.MethodGet, me.usage("&group_by=user"), nil), http.StatusForbidden, "")
	table := me.do(http.MethodGet, me.usage(""), nil, "Accept", "text/csv")
	rows, err := csv.NewReader(strings.NewReader(string(table.body))).ReadAll()
	if err != nil || len(rows) < 2 || rows[0][0] != "day" || !strings.HasPrefix(table.header.Get("Content-Type"), "text/csv") {
		t.Fatalf("%v, %s", err, table.body)
	}
	runs := 0
	for _, row := range rows[1:] { // two if it is midnight
		n, _ := strconv.Atoi(row[1])
		runs += n
	}
	if runs != 4 {
		t.Errorf("%s", table.body)
	}
}
