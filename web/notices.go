package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// Inbox keeps what users are told.
type Inbox interface {
	Notices(ctx context.Context, user string, f execution.NoticeFilter) (page []execution.Notice, next string, err error)
	UnreadNotices(ctx context.Context, user string) (int64, error)
	ReadNotice(ctx context.Context, user, id string) (execution.Notice, error) // NotFound if it is not theirs
	ReadNotices(ctx context.Context, user string) (changed int64, err error)
	DeleteNotice(ctx context.Context, user, id string) error // likewise

	// The notices of a user are numbered upwards, in the order of NoticesSince.
	LastNotice(ctx context.Context, user string) (number int64, err error)
	NoticesSince(ctx context.Context, user string, number int64, limit int) ([]execution.Notice, error)
}

const (
	noticesBack = 24 * time.Hour // how far back a stream goes on (parity SS-10)
	noticesPart = 100            // that are read at once
	noticesSoon = 10 * time.Millisecond
)

// notices returns those of who asks, the newest first.
func (s *Server) notices(c *gin.Context) error {
	q := query{c: c}
	f := execution.NoticeFilter{Severity: execution.Severity(c.Query("severity")), Tag: c.Query("tag"), Cursor: c.Query("cursor"), Limit: q.number("limit", 1, 100, 50)}
	f.Unread = q.flag("unread")
	if f.Severity != "" && !slices.Contains(execution.Severities, f.Severity) {
		q.refuse("severity", fmt.Sprintf("one of %v", execution.Severities))
	}
	if len(f.Tag) > 200 || strings.ContainsRune(strings.TrimSuffix(f.Tag, "*"), '*') {
		q.refuse("tag", "at most 200 bytes; * may only be the last")
	}
	if err := q.err(); err != nil {
		return err
	}
	ctx, user := c.Request.Context(), c.GetString("user")
	page, next, err := s.Inbox.Notices(ctx, user, f)
	if err != nil {
		return err
	}
	unread, err := s.Inbox.UnreadNotices(ctx, user)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"items": append([]execution.Notice{}, page...), "unread_count": unread, "next_cursor": Text(next)})
	return nil
}

// readNotice notes that one was read.
func (s *Server) readNotice(c *gin.Context) error {
	n, err := s.Inbox.ReadNotice(c.Request.Context(), c.GetString("user"), c.Param("id"))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, n)
	return nil
}

// readNotices notes that all were read.
func (s *Server) readNotices(c *gin.Context) error {
	changed, err := s.Inbox.ReadNotices(c.Request.Context(), c.GetString("user"))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"read": changed})
	return nil
}

// deleteNotice deletes one.
func (s *Server) deleteNotice(c *gin.Context) error {
	if err := s.Inbox.DeleteNotice(c.Request.Context(), c.GetString("user"), c.Param("id")); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

// noticeStream sends the notices to who asks as they come, and how many are
// unread when that changes, until the client leaves. One that comes back gets
// what it missed of the last day.
func (s *Server) noticeStream(c *gin.Context) error {
	ctx, user := c.Request.Context(), c.GetString("user")
	last, leave, err := s.enter(c)
	if err != nil || last == theEnd {
		return err
	}
	defer leave()
	live, stop := s.Live.SubscribeNotices(user) // before the store is read, so that nothing falls between
	defer stop()
	n := noticeFeed{user: user, unread: -1}
	resumed, known := number(last)
	if n.at = resumed; !known {
		if n.at, err = s.Inbox.LastNotice(ctx, user); err != nil {
			return err
		}
	}
	f := s.openFeed(c)
	n.feed = f
	s.serveFeed(f, "notices", func() (string, error) {
		if last != "" && !known {
			f.control("gap", GapFrame{Reason: "unknown_id", After: last, Before: strconv.FormatInt(n.at, 10)})
		}
		if oldest := time.Now().Add(-noticesBack).UnixMicro(); n.at < oldest {
			if err := n.skip(s.Inbox, oldest); err != nil {
				return "error", err
			}
		}
		pause := time.Second
		return s.pollOr(f, 0, live, func(woken bool) (time.Duration, error) {
			if woken { // the store may be behind what woke
				pause = noticesSoon
			}
			news, err := n.look(s.Inbox)
			if pause = min(2*pause, quiet); news {
				pause = time.Second
			}
			return pause, err
		})
	})
	return nil
}

// number is that of the last frame of a stream of notices.
func number(last string) (n int64, known bool) {
	n, err := strconv.ParseInt(last, 10, 64)
	return max(n, 0), err == nil && n >= 0
}

// noticeFeed writes one stream of notices.
type noticeFeed struct {
	*feed
	user   string
	at     int64 // the number of the last notice that was sent, or is not to be
	unread int64 // as the client knows it; -1: it does not
}

// skip goes on behind oldest, and says so if that leaves something out.
func (n *noticeFeed) skip(inbox Inbox, oldest int64) error {
	old, err := inbox.NoticesSince(n.ctx, n.user, n.at, 1)
	if err != nil {
		return err
	}
	if len(old) > 0 && old[0].Number <= oldest && n.at > 0 {
		n.control("gap", GapFrame{Reason: "missing", After: strconv.FormatInt(n.at, 10), Before: strconv.FormatInt(oldest, 10)})
	}
	n.at = oldest
	return nil
}

// look sends what there is to send, and reports whether there was a notice.
func (n *noticeFeed) look(inbox Inbox) (news bool, err error) {
	for !n.over {
		page, err := inbox.NoticesSince(n.ctx, n.user, n.at, noticesPart)
		if err != nil {
			return news, err
		}
		for _, one := range page {
			n.at, news = one.Number, true
			n.frame(strconv.FormatInt(one.Number, 10), "notification", one)
		}
		if len(page) < noticesPart {
			break
		}
	}
	unread, err := inbox.UnreadNotices(n.ctx, n.user)
	if err == nil && unread != n.unread {
		n.unread = unread
		n.control("unread_count", gin.H{"unread_count": unread})
	}
	return news, err
}
