package web

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// Accounts adds up what executions took.
type Accounts interface {
	Usage(context.Context, execution.UsageFilter) ([]execution.UsageRow, error) // in the order of keys
}

// maxPeriod is what a report of usage may be about.
const maxPeriod = 366 * 24 * time.Hour

// usage reports what executions took that ended in a period.
func (s *Server) usage(c *gin.Context) error {
	q := query{c: c}
	f := execution.UsageFilter{From: q.time("from"), To: q.time("to"), GroupBy: c.DefaultQuery("group_by", "day")}
	if f.From.IsZero() {
		q.refuse("from", "a time such as 2026-08-01T00:00:00Z is needed")
	}
	if f.To.IsZero() {
		q.refuse("to", "a time such as 2026-09-01T00:00:00Z is needed")
	}
	if period := f.To.Sub(f.From); period <= 0 || period > maxPeriod {
		q.refuse("to", "after from, by at most 366 days")
	}
	if !slices.Contains(execution.UsageGroups, f.GroupBy) {
		q.refuse("group_by", "one of "+strings.Join(execution.UsageGroups, ", "))
	}
	user, err := s.whose(c, &q)
	if err != nil {
		return err
	}
	if f.UserID = user; f.GroupBy == "user" && !s.operator(c) {
		return execution.Errorf(execution.Forbidden, "only operators see what others took")
	}
	if f.GroupBy == "user" && c.Query("user_id") == "" {
		f.UserID = ""
	}
	if err := q.err(); err != nil {
		return err
	}
	rows, err := s.Accounts.Usage(c.Request.Context(), f)
	if err != nil {
		return err
	}
	c.Header("Vary", "Accept")
	if c.NegotiateFormat(gin.MIMEJSON, "text/csv") == "text/csv" {
		return usageCSV(c, f.GroupBy, rows)
	}
	total := execution.UsageRow{Key: "total", ByStatus: map[execution.Status]int64{}}
	for _, r := range rows {
		total.Add(r)
	}
	c.JSON(http.StatusOK, gin.H{"from": f.From, "to": f.To, "group_by": f.GroupBy, "items": append([]execution.UsageRow{}, rows...), "total": total})
	return nil
}

// usageCSV answers with rows as RFC 4180 has it, under a line of names.
func usageCSV(c *gin.Context, group string, rows []execution.UsageRow) error {
	ended := statuses[3:]
	head := []string{group, "runs"}
	for _, status := range ended {
		head = append(head, string(status))
	}
	head = append(head, "cpu_seconds", "gib_seconds", "queue_seconds", "wall_seconds")
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	_ = w.Write(head) // into memory
	for _, r := range rows {
		line := []string{plain(r.Key), strconv.FormatInt(r.Runs, 10)}
		for _, status := range ended {
			line = append(line, strconv.FormatInt(r.ByStatus[status], 10))
		}
		for _, n := range []float64{r.CPUSeconds, r.GiBSeconds, r.QueueSeconds, r.WallSeconds} {
			line = append(line, fmt.Sprintf("%.3f", n))
		}
		_ = w.Write(line)
	}
	w.Flush()
	c.Header("Content-Disposition", `attachment; filename="usage.csv"`)
	c.Data(http.StatusOK, "text/csv; charset=utf-8; header=present", []byte(b.String()))
	return nil
}

// plain is text that no spreadsheet takes for a formula (OWASP, CSV Injection).
func plain(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}
