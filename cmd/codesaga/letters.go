package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/codesaga/codesaga/bridge"
	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/store"
	"github.com/codesaga/codesaga/temporal"
)

// letterWatch looks after dead letters as the settings say.
func (a *app) letterWatch(s *store.Store, sagas temporal.Sagas, bus *bridge.Publisher) (*bridge.LetterWatch, error) {
	post, err := a.letterNotice()
	_, operators := a.users()
	return &bridge.LetterWatch{
		Figures: s.LetterFigures, Due: s.LettersDue, Wake: sagas.WakeRedrive, Alarm: s.Alarm, Raise: s.Raise,
		Notify: func(ctx context.Context, level, was execution.AlarmLevel, f execution.LetterFigures) {
			if err := bus.Notify(ctx, f.Notices(operators, level, was, time.Now())...); err != nil {
				a.log.Warn("operators were not told of the alarm about dead letters", "err", err)
			}
			if post != nil {
				post(ctx, level, was, f)
			}
		},
		Warning: a.LettersWarning, Critical: a.LettersCritical, Age: a.LettersAge, Metrics: a.counts, Log: a.log,
	}, err
}

// letterNotice returns what tells the alarm about dead letters to whom the
// settings name; nil if that is nobody. It tries three times: metrics and log
// have it in any case.
func (a *app) letterNotice() (func(ctx context.Context, level, was execution.AlarmLevel, f execution.LetterFigures), error) {
	if a.LettersURL == "" {
		return nil, nil
	}
	sender, err := a.callbacks()
	if err != nil {
		return nil, err
	}
	if err := sender.Rules.Check(a.LettersURL); err != nil {
		return nil, fmt.Errorf("letters-url: %w", err)
	}
	return func(ctx context.Context, level, was execution.AlarmLevel, f execution.LetterFigures) {
		id := string(execution.NewID())
		body, err := json.Marshal(map[string]any{"type": "dead_letters_alarm", "id": id, "level": level, "was": was, "at": time.Now().UTC(), "statistics": f})
		for try := time.Duration(0); err == nil && try < 3 && ctx.Err() == nil; try++ {
			d := sender.Send(ctx, a.LettersURL, id, body)
			if d.Failure == "" {
				return
			}
			a.log.Warn("the alarm about dead letters was not heard", "failure", d.Failure, "status", d.StatusCode)
			select {
			case <-ctx.Done():
			case <-time.After(time.Second << (2 * try)):
			}
		}
	}, nil
}

// letterTopics are those that dead letters may come from.
func (a *app) letterTopics() (names []string) {
	for _, g := range bridge.GroupKinds(a.topics()...) {
		if g.Topic != bridge.DeadTopic && !slices.Contains(names, g.Topic) {
			names = append(names, g.Topic)
		}
	}
	return names
}
