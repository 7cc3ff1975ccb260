package bridge

import (
	"context"
	"log/slog"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// LetterWatch looks after the dead letters that wait: it tells metrics how many
// there are, raises the alarm when they are too many or too old, and wakes
// workflows that should have redriven one and did not.
type LetterWatch struct {
	Figures func(context.Context) (execution.LetterFigures, error)
	Due     func(ctx context.Context, before time.Time) (letters []string, err error)
	Wake    func(ctx context.Context, letter string) error
	Alarm   func(ctx context.Context, name string) (execution.AlarmLevel, error)                            // the level that it has for all who watch
	Raise   func(ctx context.Context, name string, from, to execution.AlarmLevel) (changed bool, err error) // changed for one of those who do at once
	Notify  func(ctx context.Context, level, was execution.AlarmLevel, f execution.LetterFigures)           // nil: nobody beside log and metrics

	Warning, Critical int64         // letters that wait, from which on there is an alarm
	Age               time.Duration // of the oldest, likewise

	Metrics *Metrics
	Log     *slog.Logger
}

// LettersAlarm is the name of the alarm.
const LettersAlarm = "letters"

const (
	letterLook    = 15 * time.Second // between two looks
	letterOverdue = time.Minute      // a letter that is due for so long is nobody's
)

// Run looks until ctx is done. While the store is away nothing changes.
func (w *LetterWatch) Run(ctx context.Context) error {
	ticker := time.NewTicker(letterLook)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			if err := w.look(ctx, now); err != nil && ctx.Err() == nil {
				w.Log.Warn("cannot look after the dead letters", "err", err)
			}
		}
	}
}

// look does all once.
func (w *LetterWatch) look(ctx context.Context, now time.Time) error {
	f, err := w.Figures(ctx)
	if err != nil {
		return err
	}
	was, err := w.Alarm(ctx, LettersAlarm)
	if err != nil {
		return err
	}
	level := w.level(f, was, now)
	w.Metrics.letters(f, level, now)
	if level != was {
		if err := w.raise(ctx, was, level, f); err != nil {
			return err
		}
	}
	overdue, err := w.Due(ctx, now.Add(-letterOverdue))
	if err != nil {
		return err
	}
	for _, id := range overdue {
		if err := w.Wake(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// raise gives the alarm another level, and tells of it unless another watch does.
func (w *LetterWatch) raise(ctx context.Context, was, level execution.AlarmLevel, f execution.LetterFigures) error {
	changed, err := w.Raise(ctx, LettersAlarm, was, level)
	if err != nil || !changed {
		return err
	}
	say := map[execution.AlarmLevel]slog.Level{execution.AlarmWarning: slog.LevelWarn, execution.AlarmCritical: slog.LevelError}[level] // else for information
	w.Log.Log(ctx, say, "dead letters wait", "level", level, "was", was, "waiting", f.Waiting, "parked", f.ByStatus[execution.LetterParked], "oldest", f.Oldest)
	if w.Notify != nil {
		w.Notify(ctx, level, was, f)
	}
	return nil
}

// level is that of f. An alarm ends a tenth below where it begins, so that it
// does not come and go.
func (w *LetterWatch) level(f execution.LetterFigures, was execution.AlarmLevel, now time.Time) execution.AlarmLevel {
	from := func(bound int64, raised bool) int64 {
		if raised {
			return bound - bound/10
		}
		return bound
	}
	switch {
	case f.Waiting >= from(w.Critical, was == execution.AlarmCritical):
		return execution.AlarmCritical
	case f.Waiting >= from(w.Warning, was != execution.AlarmOK), f.Waiting > 0 && now.Sub(f.Oldest) > w.Age:
		return execution.AlarmWarning
	}
	return execution.AlarmOK
}
