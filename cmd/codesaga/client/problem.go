package client

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// The patience of a client: long enough for a server that is started anew.
const (
	patience   = 30 * time.Second
	firstPause = 250 * time.Millisecond
	maxPause   = 4 * time.Second
)

// problem is an answer that is an error, in the form of RFC 9457.
type problem struct {
	Title  string                `json:"title"`
	Status int                   `json:"status"`
	Detail string                `json:"detail"`
	Errors execution.FieldErrors `json:"errors"`

	after time.Duration // Retry-After
}

// Error names the fields that are wrong, and why; without any, what is.
func (p *problem) Error() string {
	if len(p.Errors) > 0 {
		return p.Errors.Error()
	}
	var parts []string
	for _, s := range []string{p.Title, p.Detail} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ": ")
}

// invalid reports whether another request could do better.
func (p *problem) invalid() bool {
	return p.is(http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity)
}

func (p *problem) is(statuses ...int) bool { return slices.Contains(statuses, p.Status) }

// problemOf reads what resp says is wrong, which may come from some proxy and
// have any form.
func problemOf(resp *http.Response) *problem {
	p := &problem{}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil || json.Unmarshal(body, p) != nil || p.Title == "" && p.Detail == "" {
		p.Title = resp.Request.URL.Redacted() + ": " + resp.Status
	}
	p.Status = resp.StatusCode
	after := resp.Header.Get("Retry-After")
	if n, err := strconv.Atoi(after); err == nil {
		p.after = time.Duration(max(0, n)) * time.Second
	} else if at, err := http.ParseTime(after); err == nil {
		p.after = time.Until(at)
	}
	return p
}

// problemIn reads a frame that says that a stream failed.
func problemIn(frame []byte) *problem {
	p := &problem{Title: "the stream failed", Status: http.StatusInternalServerError}
	_ = json.Unmarshal(frame, p) // what is not in it stays as it is
	return p
}

// unreachable says that a server gave no answer, or half of one.
type unreachable struct {
	server string
	error
}

// Error names the server.
func (e *unreachable) Error() string { return fmt.Sprintf("cannot reach %s: %v", e.server, e.error) }

// Unwrap is the cause.
func (e *unreachable) Unwrap() error { return e.error }

func (a *api) unreachable(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // without method and URL
	}
	return &unreachable{a.base, err}
}

// again reports whether the same request may do better, and how soon.
func again(err error) (after time.Duration, ok bool) {
	var p *problem
	var u *unreachable
	switch {
	case errors.As(err, &p):
		return p.after, p.is(http.StatusRequestTimeout, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout)
	case errors.As(err, &u):
		var untrusted *tls.CertificateVerificationError
		return 0, !errors.As(err, &untrusted)
	default:
		return 0, false
	}
}

// errAsked ends a retry because the user asked for it.
var errAsked = errors.New("interrupted")

// retry calls send until it succeeds, or fails in a way that time does not
// mend, for as long as patience lasts. While it waits it tells waiting why, and
// ends with errAsked if asked is closed.
func retry(ctx context.Context, asked <-chan struct{}, waiting func(error), send func() error) error {
	end := time.Now().Add(patience)
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		err := send()
		after, ok := again(err)
		wait := max(pause, after)
		if !ok || time.Until(end) < wait {
			return err
		}
		waiting(err)
		select {
		case <-time.After(wait):
		case <-asked:
			return errAsked
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
