package web

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// usualStatistics is the period of statistics if nothing else is asked for.
const usualStatistics = 30 * 24 * time.Hour

// GroupStatistics is how the executions of a user, or in a language, did.
type GroupStatistics struct {
	Key         string                     `json:"key"`
	Runs        int64                      `json:"runs"` // that ended
	ByStatus    map[execution.Status]int64 `json:"by_status"`
	SuccessRate float64                    `json:"success_rate"` // completed, of those that ended
	CPUSeconds  float64                    `json:"cpu_seconds"`
	WallSeconds float64                    `json:"wall_seconds"`
	MeanQueue   float64                    `json:"mean_queue_seconds"` // 0 counts for who never left the queue
	MeanWall    float64                    `json:"mean_wall_seconds"`
}

func statisticsOf(u execution.UsageRow) GroupStatistics {
	g := GroupStatistics{Key: u.Key, Runs: u.Runs, ByStatus: u.ByStatus, CPUSeconds: u.CPUSeconds, WallSeconds: u.WallSeconds}
	if n := float64(u.Runs); n > 0 {
		g.SuccessRate, g.MeanQueue, g.MeanWall = float64(u.ByStatus[execution.Completed])/n, u.QueueSeconds/n, u.WallSeconds/n
	}
	return g
}

// allStatistics tells how everybody's executions did.
func (s *Server) allStatistics(c *gin.Context) error {
	by := c.DefaultQuery("by", "language")
	return s.statistics(c, execution.UsageFilter{UserID: c.Query("user_id"), GroupBy: by}, by == "user" || by == "language", "one of user, language")
}

// ownStatistics tells how the user's executions did.
func (s *Server) ownStatistics(c *gin.Context) error {
	by := c.DefaultQuery("by", "language")
	return s.statistics(c, execution.UsageFilter{UserID: c.GetString("user"), GroupBy: by}, by == "language", "language")
}

func (s *Server) statistics(c *gin.Context, f execution.UsageFilter, known bool, rule string) error {
	q := query{c: c}
	if f.From, f.To = q.time("from"), q.time("to"); f.To.IsZero() {
		f.To = time.Now().UTC().Truncate(time.Second).Add(time.Second)
	}
	if f.From.IsZero() {
		f.From = f.To.Add(-usualStatistics)
	}
	if period := f.To.Sub(f.From); period <= 0 || period > maxPeriod {
		q.refuse("to", "after from, by at most 366 days")
	}
	if !known {
		q.refuse("by", rule)
	}
	if err := q.err(); err != nil {
		return err
	}
	rows, err := s.Accounts.Usage(c.Request.Context(), f)
	if err != nil {
		return err
	}
	total, items := execution.UsageRow{Key: "total", ByStatus: map[execution.Status]int64{}}, []GroupStatistics{}
	for _, r := range rows {
		items = append(items, statisticsOf(r))
		total.Add(r)
	}
	c.JSON(http.StatusOK, gin.H{"from": f.From, "to": f.To, "by": f.GroupBy, "items": items, "total": statisticsOf(total)})
	return nil
}
