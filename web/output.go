package web

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// output gives all that is kept of one stream: byte for byte, or as text.
func (s *Server) output(c *gin.Context) error {
	stream, format := execution.Stream(c.DefaultQuery("stream", string(execution.Stdout))), c.DefaultQuery("format", "raw")
	var wrong execution.FieldErrors
	if !slices.Contains([]execution.Stream{execution.Stdout, execution.Stderr, execution.Compile}, stream) {
		wrong = append(wrong, execution.FieldError{Field: "stream", Rule: "one of stdout, stderr, compile"})
	}
	if format != "raw" && format != "text" {
		wrong = append(wrong, execution.FieldError{Field: "format", Rule: "one of raw, text"})
	}
	if len(wrong) > 0 {
		return wrong
	}
	x, err := s.mine(c)
	if err != nil {
		return err
	}
	w := paced{c.Writer, http.NewResponseController(c.Writer)}
	defer func() { _ = w.ctl.SetWriteDeadline(time.Time{}) }()
	if format == "text" {
		c.Header("Content-Type", "text/plain; charset=utf-8")
		c.Status(http.StatusOK)
		text := textWriter{to: w}
		if _, err := s.Outputs.Output(c.Request.Context(), x.ID, stream, &text, -1); err != nil {
			return err
		}
		return text.flush()
	}
	c.Header("Content-Type", "application/octet-stream")
	c.Header("Content-Disposition", fmt.Sprintf("attachment; filename=%q", string(x.ID)+"."+string(stream)))
	c.Status(http.StatusOK)
	_, err = s.Outputs.Output(c.Request.Context(), x.ID, stream, w, -1)
	return err
}

// textWriter passes UTF-8 on, with U+FFFD for each byte that is none. What may
// be the beginning of a character waits for the rest of it.
type textWriter struct {
	to   io.Writer
	tail []byte // at most three bytes
}

func (t *textWriter) Write(b []byte) (int, error) {
	all := append(t.tail, b...)
	text := make([]byte, 0, len(all)+utf8.UTFMax)
	for len(all) > 0 && utf8.FullRune(all) {
		r, n := utf8.DecodeRune(all) // of a byte that is none, U+FFFD and 1
		text, all = utf8.AppendRune(text, r), all[n:]
	}
	t.tail = slices.Clone(all)
	if _, err := t.to.Write(text); err != nil {
		return 0, err
	}
	return len(b), nil
}

// flush passes on what waits.
func (t *textWriter) flush() error {
	var text []byte
	for range t.tail {
		text = utf8.AppendRune(text, utf8.RuneError)
	}
	t.tail = nil
	_, err := t.to.Write(text)
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
