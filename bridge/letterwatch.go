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
	Raise   func(ctx context.Context, name, level string) (was string, changed bool, err error) // keeps the level of an alarm; changed for one caller
	Notify  func(ctx context.Context, level, was string, f execution.LetterFigures)             // nil: nobody beside log and metrics

	Warning, Critical int64         // letters that wait, from which on there is an alarm
	Age               time.Duration // of the oldest, likewise

	Metrics *Metrics
	Log     *slog.Logger
}

// LettersAlarm is the name of the alarm, and these are its levels.
const (
	LettersAlarm  = "letters"
	AlarmOK       = "ok"
	AlarmWarning  = "warning"
	AlarmCritical = "critical"
)

const (
	letterLook    = 15 * time.Second // between two looks
	letterOverdue = time.Minute      // a letter that is due for so long is nobody's
)

// Run looks until ctx is done. While the store is away nothing changes.
func (w *LetterWatch) Run(ctx context.Context) error {
	ticker := time.NewTicker(letterLook)
	defer ticker.Stop()
	level := AlarmOK // as far as is known here
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			var err error
			if level, err = w.look(ctx, level, now); err != nil && ctx.Err() == nil {
				w.Log.Warn("cannot look after the dead letters", "err", err)
			}
		}
	}
}

// look does all once, and returns the level that the alarm has.
func (w *LetterWatch) look(ctx context.Context, was string, now time.Time) (level string, err error) {
	f, err := w.Figures(ctx)
	if err != nil {
		return was, err
	}
	level = w.level(f, was, now)
	w.Metrics.letters(f, level, now)
	before, changed, err := w.Raise(ctx, LettersAlarm, level)
	if err != nil {
		return was, err
	}
	if changed {
		say := w.Log.Info
		switch level {
		case AlarmWarning:
			say = w.Log.Warn
		case AlarmCritical:
			say = w.Log.Error
		}
		say("dead letters wait", "level", level, "was", before, "waiting", f.Waiting, "parked", f.ByStatus[execution.LetterParked], "oldest", f.Oldest)
		if w.Notify != nil {
			w.Notify(ctx, level, before, f)
		}
	}
	overdue, err := w.Due(ctx, now.Add(-letterOverdue))
	if err != nil {
		return level, err
	}
	for _, id := range overdue {
		if err := w.Wake(ctx, id); err != nil {
			return level, err
		}
	}
	return level, nil
}

// level is that of f. An alarm ends a tenth below where it begins, so that it
// does not come and go.
func (w *LetterWatch) level(f execution.LetterFigures, was string, now time.Time) string {
	from := func(bound int64, raised bool) int64 {
		if raised {
			return bound - bound/10
		}
		return bound
	}
	switch {
	case f.Waiting >= from(w.Critical, was == AlarmCritical):
		return AlarmCritical
	case f.Waiting >= from(w.Warning, was != AlarmOK), f.Waiting > 0 && now.Sub(f.Oldest) > w.Age:
		return AlarmWarning
	}
	return AlarmOK
}
