package web

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

const (
	exportMost  = 50_000 // events
	exportUsual = 10_000
	exportPage  = 500
)

// exportFormats are the media types of exports.
var exportFormats = map[string]string{
	"csv": "text/csv; charset=utf-8; header=present", "json": "application/json", "ndjson": "application/x-ndjson",
}

// exportEvents writes the events that are asked for, page by page as they are
// read. What cannot be read to its end is broken off: it never looks whole.
func (s *Server) exportEvents(c *gin.Context) error {
	q, ctx := query{c: c}, c.Request.Context()
	f, limit, format := q.events(), q.number("limit", 1, exportMost, exportUsual), c.DefaultQuery("format", "ndjson")
	p := execution.EventPage{Limit: min(limit, exportPage), OldestFirst: q.oldestFirst()}
	if exportFormats[format] == "" {
		q.refuse("format", "one of csv, json, ndjson")
	}
	if err := q.err(); err != nil {
		return err
	}
	items, next, err := s.EventBook.Browse(ctx, f, p)
	if err != nil {
		return err
	}
	w := paced{c.Writer, http.NewResponseController(c.Writer)}
	defer func() { _ = w.ctl.SetWriteDeadline(time.Time{}) }()
	c.Header("Content-Type", exportFormats[format])
	c.Header("Content-Disposition", attachment("events-"+time.Now().UTC().Format("20060102T150405Z")+"."+format))
	c.Status(http.StatusOK)
	out := newExport(bufio.NewWriterSize(w, 64<<10), format)
	for {
		if err := out.write(items); err != nil {
			return err
		}
		limit -= len(items)
		if next == "" || limit <= 0 {
			return out.end()
		}
		c.Writer.WriteHeaderNow() // from now on an error breaks the answer off
		p.Cursor, p.Limit = next, min(limit, exportPage)
		if items, next, err = s.EventBook.Browse(ctx, f, p); err != nil {
			return err
		}
	}
}

// export is a file of events.
type export struct {
	to     *bufio.Writer
	format string
	table  *csv.Writer // of format csv
	some   bool        // there are events before
}

// exportColumns are those of a table. The last has the parts of the event.
var exportColumns = []string{
	"id", "type", "execution_id", "user_id", "service", "occurred_at", "recorded_at", "correlation_id",
	"status", "error_type", "reason", "exit_code", "message", "data",
}

func newExport(to *bufio.Writer, format string) *export {
	x := &export{to: to, format: format}
	switch format { // what goes wrong here goes wrong at the end, too
	case "csv":
		x.table = csv.NewWriter(to)
		x.table.UseCRLF = true
		_ = x.table.Write(exportColumns)
	case "json":
		_, _ = to.WriteString("[")
	}
	return x
}

func (x *export) write(events []execution.Recorded) error {
	for _, e := range events {
		b, err := json.Marshal(e)
		if err != nil {
			return err
		}
		switch {
		case x.table != nil:
			err = x.table.Write(exportRow(e, b))
		case x.format == "json" && x.some:
			_, err = x.to.Write(slices.Concat([]byte(",\n"), b))
		case x.format == "json":
			_, err = x.to.Write(b)
		default:
			_, err = x.to.Write(append(b, '\n'))
		}
		if err != nil {
			return err
		}
		x.some = true
	}
	return nil
}

// exportRow is e in a table. What people choose must be no formula there.
func exportRow(e execution.Recorded, whole []byte) []string {
	row := []string{
		e.ID, string(e.Type), string(e.ExecutionID), e.UserID, e.Source,
		e.At.Format(time.RFC3339Nano), e.RecordedAt.Format(time.RFC3339Nano), e.CorrelationID, "", "", "", "", "", string(whole),
	}
	if o := e.Outcome; o != nil {
		row[8], row[9], row[10], row[12] = string(o.Status), o.ErrorType, o.Reason, o.Message
		if o.ExitCode != nil {
			row[11] = strconv.Itoa(int(*o.ExitCode))
		}
	}
	for i, cell := range row {
		row[i] = plain(cell)
	}
	return row
}

// end writes what is left.
func (x *export) end() error {
	if x.table != nil {
		if x.table.Flush(); x.table.Error() != nil {
			return x.table.Error()
		}
	}
	if x.format == "json" {
		_, _ = x.to.WriteString("]\n")
	}
	return x.to.Flush()
}
