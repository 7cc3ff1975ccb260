package web

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// archive keeps sessions, and events to choose from.
type archive struct {
	*events
	mu       sync.Mutex
	sessions map[string]execution.Replay
	told     []string
	err      error // of hands
}

func (a *archive) lock() (unlock func()) {
	a.mu.Lock()
	return a.mu.Unlock
}

func (a *archive) CreateReplay(_ context.Context, r execution.Replay) error {
	defer a.lock()()
	a.sessions[r.ID] = r
	return nil
}

func (a *archive) Replay(_ context.Context, id string) (execution.Replay, error) {
	defer a.lock()()
	r, ok := a.sessions[id]
	if !ok {
		return r, execution.Errorf(execution.NotFound, "no replay %s", id)
	}
	return r, nil
}

func (a *archive) Replays(_ context.Context, status execution.ReplayStatus, cursor string, limit int) (page []execution.Replay, next string, err error) {
	defer a.lock()()
	for _, r := range a.sessions {
		if status == "" || r.Status == status {
			page = append(page, r)
		}
	}
	return page, fmt.Sprint(cursor, limit), nil
}

func (a *archive) MoveReplay(ctx context.Context, id, move string, _ time.Time) (execution.Replay, error) {
	r, err := a.Replay(ctx, id)
	for _, from := range execution.ReplayMoves[move].From {
		if err == nil && r.Status == from {
			r.Status = execution.ReplayMoves[move].To
			return r, a.CreateReplay(ctx, r)
		}
	}
	if err == nil {
		err = execution.Errorf(execution.Conflict, "cannot %s", move)
	}
	return r, err
}

func (a *archive) ReplayFailures(context.Context, string, int, int) ([]execution.ReplayFailure, error) {
	return []execution.ReplayFailure{{EventID: "e1", Reason: "too large"}}, nil
}

func (a *archive) ReplayFile(_ context.Context, id string, w io.Writer) error {
	_, err := io.WriteString(w, `{"id":"e1","replay_session_id":"`+id+`"}`+"\n")
	return err
}

func (a *archive) CleanReplays(_ context.Context, before time.Time) (int, error) {
	return int(time.Since(before).Round(time.Hour).Hours()), nil
}

func (a *archive) hands(word string) func(context.Context, string) error {
	return func(context.Context, string) error {
		defer a.lock()()
		a.told = append(a.told, word)
		return a.err
	}
}

func (a *archive) GoReplay(ctx context.Context, id string) error   { return a.hands("go")(ctx, id) }
func (a *archive) TellReplay(ctx context.Context, id string) error { return a.hands("tell")(ctx, id) }

func withReplays() (*Server, *archive) {
	s, _, _ := serve(nil)
	a := &archive{sessions: map[string]execution.Replay{}, events: s.withEvents(happened(250)...)}
	s.Replays, s.ReplayShelf, s.ReplayHands = a, a, a
	s.ReplayRules = execution.ReplayRules{Prefix: "replay.", Production: []string{"execution_events", "execution_tasks"}}
	return s, a
}
