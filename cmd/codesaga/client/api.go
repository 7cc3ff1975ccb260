package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/codesaga/codesaga/execution"
)

const (
	prefix       = "/api/v1"
	answerWithin = 15 * time.Second // one attempt
	maxAnswer    = 64 << 20         // bytes
)

// api is a server.
type api struct {
	base string // without a slash at its end
	http *http.Client
}

// dial finds out which server c is about. Nothing is sent yet.
func (c *call) dial() error {
	server := c.server
	if server == "" && c.Getenv != nil {
		server = c.Getenv(serverEnv)
	}
	if server == "" {
		server = defaultServer
	}
	if !strings.Contains(server, "://") {
		server = "http://" + server
	}
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return usagef("%q is not the address of a server, such as %s", server, defaultServer)
	}
	if c.transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.DisableCompression = true // it would hold live output back
		t.DialContext = (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext
		c.transport = t
	}
	c.api = &api{base: strings.TrimRight(server, "/"), http: &http.Client{Transport: c.transport}}
	return nil
}

// executionPath is the path of one execution, or of something of it.
func executionPath(id, of string) string { return "/executions/" + url.PathEscape(id) + of }

// open sends one request and returns its answer, if that is a good one. Its
// error is a *problem, *unreachable or that of ctx.
func (a *api) open(ctx context.Context, method, path string, body []byte, header ...string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, a.base+prefix+path, bytes.NewReader(body))
	if err != nil {
		return nil, usagef("%v", err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("User-Agent", "codesaga-cli")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := a.http.Do(r)
	if err != nil {
		return nil, a.unreachable(err)
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		return nil, problemOf(resp)
	}
	return resp, nil
}

// ask sends one request, waits for all of its answer and decodes that into v.
func (a *api) ask(ctx context.Context, method, path string, body []byte, v any, header ...string) error {
	ctx, stop := context.WithTimeoutCause(ctx, answerWithin, errors.New("no answer"))
	defer stop()
	resp, err := a.open(ctx, method, path, body, header...)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return a.unreachable(err)
	}
	if v == nil {
		return nil
	}
	if err := json.Unmarshal(answer, v); err != nil {
		return fmt.Errorf("%s gives no answer of codesaga: %w", a.base+prefix+path, err)
	}
	return nil
}

// get asks for what path names.
func (a *api) get(ctx context.Context, path string, v any) error {
	return a.ask(ctx, http.MethodGet, path, nil, v)
}

// cancel asks for the end of an execution. One that has ended is a *problem
// with status 409.
func (a *api) cancel(ctx context.Context, id, reason string) error {
	body, err := json.Marshal(reasonOf(reason))
	if err != nil {
		return err
	}
	return a.ask(ctx, http.MethodPost, executionPath(id, "/cancel"), body, nil)
}

// output writes what is stored of one stream to w, without its first skip
// bytes.
func (a *api) output(ctx context.Context, id string, s execution.Stream, skip int64, w io.Writer) error {
	resp, err := a.open(ctx, http.MethodGet, executionPath(id, "/output?stream="+string(s)), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.CopyN(io.Discard, resp.Body, skip); err != nil && !errors.Is(err, io.EOF) {
		return a.unreachable(err)
	}
	if _, err = io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("%s: %w", s, err)
	}
	return nil
}
