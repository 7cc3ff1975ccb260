package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// follower is a client of one stream that comes back, and counts what it should
// not see.
type follower struct {
	id      string
	last    string          // id of the last frame
	seen    map[string]bool // ids
	text    []byte          // of stdout
	gaps    int             // also those that the server tells of
	doubles int
	ended   bool
	failed  bool // the run did not complete
}

// follow reads the stream at base until it ends or ctx does.
func (f *follower) follow(ctx context.Context, base string) error {
	r, err := send(ctx, http.MethodGet, base+"/api/v1/executions/"+f.id+"/stream?last_event_id="+f.last, nil)
	if err != nil {
		return err
	}
	defer func() { _ = r.Body.Close() }()
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("stream of %s behind %q: %s", f.id, f.last, r.Status)
	}
	return eachFrame(r.Body, f.take)
}

// take takes one frame in.
func (f *follower) take(id, event, data string) error {
	if id != "" {
		if f.seen[id] {
			f.doubles++
		}
		f.seen[id], f.last = true, id
	}
	switch event {
	case "gap":
		f.gaps++
	case "result_stored":
		f.ended, f.failed = true, !strings.Contains(data, `"status":"completed"`)
	case "output":
		var o struct {
			Stream   string `json:"stream"`
			Position int    `json:"position"`
			Text     string `json:"text"`
		}
		if err := json.Unmarshal([]byte(data), &o); err != nil {
			return err
		}
		switch {
		case o.Stream != "stdout":
		case o.Position > len(f.text):
			f.gaps++
		case o.Position < len(f.text):
			f.doubles++
		default:
			f.text = append(f.text, o.Text...)
		}
	}
	return nil
}

// eachFrame hands the whole frames of a stream to take, until the stream ends or
// is cut, which is no error.
func eachFrame(r io.Reader, take func(id, event, data string) error) error {
	lines := bufio.NewReader(r)
	var id, event, data string
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "id":
			id = value
		case "event":
			event = value
		case "data":
			data = value
		case "":
			if event != "" {
				if err := take(id, event, data); err != nil {
					return err
				}
			}
			id, event, data = "", "", ""
		}
	}
}
