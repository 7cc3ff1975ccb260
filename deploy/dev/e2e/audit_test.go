package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// books are what the auditor compares the platform with.
type books struct {
	mu       sync.Mutex
	ids      map[string]bool // all that was accepted; true: it lived through a crash
	crashing time.Time       // since when things are killed; zero: nothing was
	calm     []string        // how processes ended by themselves before anything was killed
}

var kept = books{ids: map[string]bool{}}

// accepted notes that the platform took an execution.
func (p *platform) accepted(id string) {
	kept.mu.Lock()
	defer kept.mu.Unlock()
	kept.ids[id] = kept.ids[id] || !kept.crashing.IsZero()
}

// crashing says that from now on things are killed.
func (p *platform) crashing() {
	fallen := p.fallen()
	kept.mu.Lock()
	defer kept.mu.Unlock()
	if kept.crashing.IsZero() {
		kept.crashing, kept.calm = time.Now(), fallen
	}
}

// audit looks, when all tests are done, for what must be true then.
func (p *platform) audit(ctx context.Context) error {
	a := &auditor{platform: p, caller: &story{base: p.urls[1], user: operator}, seen: map[string]bool{}}
	var errs []error
	for _, check := range []struct {
		name string
		do   func(context.Context) []error
	}{
		{"executions", a.executions}, {"timelines", a.timelines}, {"results", a.results},
		{"cluster", a.cluster}, {"ledger", a.ledger}, {"processes", a.processes}, {"account", a.refused},
	} {
		found := check.do(ctx)
		if n := len(found); n > 10 {
			found = append(found[:10], fmt.Errorf("… and %d more", n-10))
		}
		for _, err := range found {
			errs = append(errs, fmt.Errorf("%s: %w", check.name, err))
		}
	}
	fmt.Printf("audited: %d executions, %d results, %d events\n", len(a.all), a.stored, a.events)
	for _, fall := range p.fallen() {
		fmt.Println("note:", fall)
	}
	return errors.Join(errs...)
}

// auditor finds all errors it can.
type auditor struct {
	*platform
	caller *story
	all    []execution
	stored int // results
	events int
	seen   map[string]bool // IDs of events
}

func (a *auditor) get(ctx context.Context, path string, v any) error {
	ctx, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	got, err := a.caller.try(ctx, http.MethodGet, path, nil)
	if err == nil && got.status != http.StatusOK {
		err = fmt.Errorf("%s: %d %.300s", path, got.status, got.body)
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(got.body, v)
}

// read lists all executions there are.
func (a *auditor) read(ctx context.Context) (all []execution, err error) {
	for cursor, more := "", true; more; more = cursor != "" {
		var page struct {
			Items []execution `json:"items"`
			Next  *string     `json:"next_cursor"`
		}
		if err := a.get(ctx, "/api/v1/executions?all=true&limit=200&cursor="+url.QueryEscape(cursor), &page); err != nil {
			return nil, err
		}
		all, cursor = append(all, page.Items...), ""
		if page.Next != nil {
			cursor = *page.Next
		}
	}
	return all, nil
}

// I1: each execution that was accepted is there, and has ended.
func (a *auditor) executions(ctx context.Context) (errs []error) {
	err := await(ctx, time.Minute, func() (bool, string) {
		var err error
		a.all, err = a.read(ctx)
		var open []string
		for _, x := range a.all {
			if !terminal[x.Status] {
				open = append(open, x.ID+" "+x.Status)
			}
		}
		return err == nil && len(open) == 0, fmt.Sprintf("not ended: %v %v", open, err)
	})
	if err != nil {
		errs = append(errs, err)
	}
	there := map[string]bool{}
	for _, x := range a.all {
		there[x.ID] = true
	}
	kept.mu.Lock()
	defer kept.mu.Unlock()
	for id := range kept.ids {
		if !there[id] {
			errs = append(errs, fmt.Errorf("%s was accepted and is not there", id))
		}
	}
	return errs
}

// I4, I6: one ending counts, and each event is there once. The projection may
// be a little behind.
func (a *auditor) timelines(ctx context.Context) (errs []error) {
	for _, x := range a.all {
		var told []event
		err := await(ctx, 30*time.Second, func() (bool, string) {
			var page struct{ Items []event }
			err := a.get(ctx, "/api/v1/executions/"+x.ID+"/events?limit=1000", &page)
			told = page.Items
			return err == nil && (!terminal[x.Status] || ended(told)), fmt.Sprintf("%s, %s: no result_stored in the timeline (%v)", x.ID, x.Status, err)
		})
		if err == nil {
			err = a.timeline(x, told)
		}
		if err != nil {
			errs = append(errs, err)
		}
		a.events += len(told)
	}
	return errs
}

// ended reports whether a timeline says that the result is stored.
func ended(all []event) bool {
	return slices.ContainsFunc(all, func(e event) bool { return e.Type == "result_stored" })
}

// timeline says what is wrong with that of x.
func (a *auditor) timeline(x execution, all []event) error {
	var endings []string
	results := 0
	for _, e := range all {
		if a.seen[e.ID] {
			return fmt.Errorf("the event %s is there twice", e.ID)
		}
		a.seen[e.ID] = true
		if status, ok := e.ending(); ok {
			endings = append(endings, status)
		}
		if e.Type == "result_stored" {
			results++
		}
	}
	// A cancel and the script's own end may both be told, and so may what two
	// workers found of a pod whose node, log or leader was killed: the first counts.
	kept.mu.Lock()
	defer kept.mu.Unlock()
	twice := slices.Contains(endings, "cancelled") || kept.ids[x.ID] && slices.Contains(endings, "error")
	if len(endings) == 0 || endings[0] != x.Status || len(endings) > 1 && !twice || results != 1 {
		return fmt.Errorf("%s is %s; in the timeline are the endings %v and %d results", x.ID, x.Status, endings, results)
	}
	return nil
}

// I5, I6, EX-28: one result each. Who was killed between publishing and
// remembering it publishes again, the same under the same ID; so does who had
// no answer from Kafka in time, or lost a partition meanwhile. As nothing is
// killed, that is the exception.
func (a *auditor) results(ctx context.Context) (errs []error) {
	records, err := a.readTopic(ctx, "result_stored")
	if err != nil {
		return []error{err}
	}
	a.stored = len(records)
	byKey := map[string][]record{}
	for _, r := range records {
		byKey[r.key] = append(byKey[r.key], r)
	}
	kept.mu.Lock()
	defer kept.mu.Unlock()
	var again []string
	for _, x := range a.all {
		found := byKey[x.ID]
		delete(byKey, x.ID)
		if len(found) == 0 {
			errs = append(errs, fmt.Errorf("%s: no record in result_stored", x.ID))
		}
		if len(found) > 1 && !kept.ids[x.ID] {
			again = append(again, x.ID)
		}
		for _, r := range found {
			if r.id == "" || r.id != found[0].id || r.value != found[0].value {
				errs = append(errs, fmt.Errorf("%s: different records in result_stored: %q and %q", x.ID, found[0].id, r.id))
			}
		}
	}
	if len(again) > 0 {
		fmt.Println("note: told twice though nothing was killed:", strings.Join(again, ", "))
	}
	if len(again) > 2+len(a.all)/100 {
		errs = append(errs, fmt.Errorf("%d results were told twice though nothing was killed", len(again)))
	}
	for key := range byKey {
		errs = append(errs, fmt.Errorf("result_stored has %s, which is not there", key))
	}
	return errs
}

// I3.
func (a *auditor) cluster(ctx context.Context) []error {
	return list(await(ctx, time.Minute, func() (bool, string) {
		left, err := a.platform.cluster.left(ctx, "")
		return err == nil && len(left) == 0, fmt.Sprintf("left: %s (%v)", strings.Join(left, ", "), err)
	}))
}

// I2.
func (a *auditor) ledger(ctx context.Context) []error {
	return list(await(ctx, 10*time.Second, a.platform.ledger.empty(ctx)))
}

// processes: none ended by itself while nothing else was killed.
func (a *auditor) processes(context.Context) (errs []error) {
	kept.mu.Lock()
	falls := kept.calm
	if kept.crashing.IsZero() {
		falls = a.fallen()
	}
	kept.mu.Unlock()
	for _, fall := range falls {
		errs = append(errs, errors.New(fall))
	}
	return errs
}

func list(err error) []error {
	if err == nil {
		return nil
	}
	return []error{err}
}
