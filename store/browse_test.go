package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// Pages of any size tell every event once and in order, also of those that were
// published in one millisecond.
func TestBrowseTellsEachEventOnce(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	var want []string
	for i := range 23 {
		e := execution.NewEvent(execution.ID(fmt.Sprint("x", i%3)), "u1", execution.SourceKube, execution.PodCreated, noon)
		e.ID += fmt.Sprint("/", i)
		want = append(want, e.ID)
		must(t, s.Project(ctx, execution.Recorded{Event: e, Partition: i % 2, Offset: int64(i / 2), RecordedAt: noon.Add(time.Duration(i/8) * time.Millisecond)}))
	}
	for _, limit := range []int{1, 4, 23, 100} {
		for _, oldest := range []bool{true, false} {
			var got []string
			p := execution.EventPage{Limit: limit, OldestFirst: oldest}
			for {
				page, next, err := s.Browse(ctx, execution.EventQuery{UserID: "u1"}, p)
				must(t, err)
				for _, e := range page {
					got = append(got, e.ID)
				}
				if p.Cursor = next; next == "" {
					break
				}
			}
			if !oldest {
				slices.Reverse(got)
			}
			if !slices.Equal(got, want) {
				t.Errorf("pages of %d, oldest first %v: %v", limit, oldest, got)
			}
		}
	}
	for _, cursor := range []string{"x", "MSAyIDM", "LTEgLTEgLTEgMQ"} {
		if _, _, err := s.Browse(ctx, execution.EventQuery{}, execution.EventPage{Cursor: cursor + "_", Limit: 1}); execution.KindOf(err) != execution.Invalid {
			t.Errorf("%s: %v", cursor, err)
		}
	}
}

func TestEventsAreFoundByWhatTheyAre(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	waiting := execution.NewWaiting("x1", "ann", execution.SourceKube, "ErrImagePull", "no such image: registry/größe (a.b)", noon)
	failed := execution.NewEnding("x2", "bob", execution.SourceSaga, execution.Outcome{Status: execution.Errored, Reason: "image_pull"}, noon)
	asked := execution.NewEvent("x2", "bob", execution.SourceSaga, execution.ExecutionRequested, noon)
	asked.Request = &execution.Request{Language: "python", Version: "3.11"}
	for i, e := range []execution.Event{waiting, asked, failed} {
		must(t, s.Project(ctx, execution.Recorded{Event: e, Offset: int64(i), RecordedAt: noon.Add(time.Duration(i) * time.Second)}))
	}
	for name, c := range map[string]struct {
		q    execution.EventQuery
		want []string
	}{
		"all":            {execution.EventQuery{}, []string{waiting.ID, asked.ID, failed.ID}},
		"execution":      {execution.EventQuery{ExecutionID: "x2"}, []string{asked.ID, failed.ID}},
		"user":           {execution.EventQuery{UserID: "ann"}, []string{waiting.ID}},
		"service":        {execution.EventQuery{Service: "kube"}, []string{waiting.ID}},
		"types":          {execution.EventQuery{Types: []execution.EventType{failed.Type, asked.Type}}, []string{asked.ID, failed.ID}},
		"without":        {execution.EventQuery{ExcludeTypes: []execution.EventType{failed.Type}}, []string{waiting.ID, asked.ID}},
		"both":           {execution.EventQuery{Types: []execution.EventType{failed.Type, asked.Type}, ExcludeTypes: []execution.EventType{failed.Type}}, []string{asked.ID}},
		"ids":            {execution.EventQuery{EventIDs: []string{failed.ID, "other"}}, []string{failed.ID}},
		"from":           {execution.EventQuery{From: noon.Add(time.Second)}, []string{asked.ID, failed.ID}},
		"to":             {execution.EventQuery{To: noon.Add(time.Second)}, []string{waiting.ID}},
		"word":           {execution.EventQuery{Text: "Image_Pull"}, []string{failed.ID}},
		"beginning":      {execution.EventQuery{Text: "größ errimage"}, []string{waiting.ID}},
		"no expression":  {execution.EventQuery{Text: "a_b"}, nil},
		"a dot is a dot": {execution.EventQuery{Text: "a.b"}, []string{waiting.ID}},
		"request":        {execution.EventQuery{Text: "python 3.11"}, []string{asked.ID}},
		"all words":      {execution.EventQuery{Text: "python image_pull"}, nil},
	} {
		page, _, err := s.Browse(ctx, c.q, execution.EventPage{Limit: 10, OldestFirst: true})
		must(t, err)
		var got []string
		for _, e := range page {
			got = append(got, e.ID)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if n, err := s.CountEvents(ctx, c.q); err != nil || n != int64(len(c.want)) {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
}
