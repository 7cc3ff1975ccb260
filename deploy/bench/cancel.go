package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// cancels measures from the request to cancel a script that runs until its pod
// is gone.
func (w *watcher) cancels(ctx context.Context, n int) error {
	fmt.Printf("%d scripts that run are cancelled, one at a time\n", n)
	all, err := repeat(ctx, n, 1, w.cancelOne)
	if err != nil {
		return err
	}
	row("  POST cancel → answered (202)", all["answered"])
	row("  POST cancel → pod gone", all["gone"])
	row("  POST cancel → result_stored", all["stored"])
	fmt.Println()
	return nil
}

func (w *watcher) cancelOne(ctx context.Context) (marks, error) {
	id, err := w.submit(ctx, "import time\nprint('on', flush=True)\ntime.sleep(60)\n")
	if err != nil {
		return nil, err
	}
	m := marks{}
	var began time.Time
	err = w.stream(ctx, id, func(event, _ string) {
		switch {
		case event == "output" && began.IsZero():
			began = time.Now()
			if wrong := w.cancel(ctx, id); wrong != nil {
				err = wrong
			}
			m["answered"] = time.Since(began)
		case event == "result_stored" && !began.IsZero():
			m["stored"] = time.Since(began)
		}
	})
	if err != nil {
		return nil, err
	}
	at, err := w.when(ctx, "gone execution-"+id)
	if err != nil {
		return nil, err
	}
	m["gone"] = at.Sub(began)
	return m, nil
}

func (w *watcher) cancel(ctx context.Context, id string) error {
	answer, err := send(ctx, http.MethodPost, w.server+"/api/v1/executions/"+id+"/cancel", nil)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusAccepted {
		return fmt.Errorf("cancel of %s: %s", id, answer.Status)
	}
	return nil
}
