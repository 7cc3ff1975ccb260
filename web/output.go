package web

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// output gives all that is kept of one stream, byte for byte.
func (s *Server) output(c *gin.Context) error {
	stream := execution.Stream(c.DefaultQuery("stream", string(execution.Stdout)))
	if !slices.Contains([]execution.Stream{execution.Stdout, execution.Stderr}, stream) {
		return execution.FieldErrors{{Field: "stream", Rule: "one of stdout, stderr"}}
	}
	x, err := s.mine(c)
	if err != nil {
		return err
	}
	c.Header("Content-Type", "application/octet-stream")
	c.Header("Content-Disposition", fmt.Sprintf("attachment; filename=%q", string(x.ID)+"."+string(stream)))
	c.Status(http.StatusOK)
	w := paced{c.Writer, http.NewResponseController(c.Writer)}
	defer func() { _ = w.ctl.SetWriteDeadline(time.Time{}) }()
	_, err = s.History.Output(c.Request.Context(), x.ID, stream, w, -1)
	return err
}

// writeTimeout is what a client has to take one write: who does not read is
// gone.
const writeTimeout = 10 * time.Second

// paced is a writer on which each write may last as long as writeTimeout, and
// all together as long as they like.
type paced struct {
	http.ResponseWriter
	ctl *http.ResponseController
}

func (w paced) Write(b []byte) (int, error) {
	_ = w.ctl.SetWriteDeadline(time.Now().Add(writeTimeout)) // not every writer has deadlines
	return w.ResponseWriter.Write(b)
}
