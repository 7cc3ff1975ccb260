package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const hello = "print('hello')"

// errBusy is that the platform did not accept a run, and says when to ask again.
var errBusy = errors.New("POST: " + http.StatusText(http.StatusServiceUnavailable))

// measure has one script run by the platform.
func (w *watcher) measure(ctx context.Context) (marks, error) {
	start := time.Now()
	id, err := w.submit(ctx, hello)
	if err != nil {
		return nil, err
	}
	m := marks{"POST answered (202)": time.Since(start)}
	err = w.stream(ctx, id, func(event, data string) {
		switch event {
		case "output":
			if _, ok := m["first output"]; !ok {
				m["first output"] = time.Since(start)
			}
		case "result_stored":
			m["result_stored"] = time.Since(start)
			if !strings.Contains(data, `"status":"completed"`) {
				m["failed"] = 0
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if _, failed := m["failed"]; failed || m["first output"] == 0 {
		return nil, fmt.Errorf("execution %s did not complete with output", id)
	}
	for name, what := range map[string]string{"task on the topic": "task " + id, "pod created": "pod of " + id} {
		at, err := w.when(ctx, what)
		if err != nil {
			return nil, err
		}
		m[name] = at.Sub(start)
	}
	return m, nil
}

func (w *watcher) submit(ctx context.Context, script string) (id string, err error) {
	return w.submitFor(ctx, script, 30*time.Second)
}

// accepted is submitFor until the run is accepted, and returns how often it was
// put off.
func (w *watcher) accepted(ctx context.Context, script string, most time.Duration) (id string, putOff int64, err error) {
	for {
		if id, err = w.submitFor(ctx, script, most); !errors.Is(err, errBusy) {
			return id, putOff, err
		}
		putOff++
		select {
		case <-ctx.Done():
			return "", putOff, ctx.Err()
		case <-time.After(2 * time.Second): // as Retry-After says
		}
	}
}

// submitFor is submit of a script that may take its time.
func (w *watcher) submitFor(ctx context.Context, script string, most time.Duration) (id string, err error) {
	body, err := json.Marshal(map[string]any{"language": "python", "script": script, "limits": map[string]any{"timeout_seconds": most.Seconds()}})
	if err != nil {
		return "", err
	}
	answer, err := send(ctx, http.MethodPost, w.server+"/api/v1/executions", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	switch answer.StatusCode {
	case http.StatusAccepted:
	case http.StatusServiceUnavailable:
		return "", errBusy
	default:
		return "", fmt.Errorf("POST: %s", answer.Status)
	}
	var x struct {
		ID string `json:"id"`
	}
	return x.ID, json.NewDecoder(answer.Body).Decode(&x)
}

// stream hands each frame of id's stream to do, until the stream ends.
func (w *watcher) stream(ctx context.Context, id string, do func(event, data string)) error {
	r, err := send(ctx, http.MethodGet, w.server+"/api/v1/executions/"+id+"/stream", nil)
	if err != nil {
		return err
	}
	defer func() { _ = r.Body.Close() }()
	lines := bufio.NewScanner(r.Body)
	lines.Buffer(nil, 8<<20)
	event := ""
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "event":
			event = value
		case "data":
			do(event, value)
		}
	}
	return lines.Err()
}

// measureRaw creates the pod that the platform made last once more, by hand,
// with a ConfigMap of its own, and follows its log.
func (w *watcher) measureRaw(ctx context.Context) (marks, error) {
	w.mu.Lock()
	model := w.last.DeepCopy()
	w.mu.Unlock()
	pods, configs := w.cluster.CoreV1().Pods(namespace), w.cluster.CoreV1().ConfigMaps(namespace)
	name := "raw-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	config, err := w.job(ctx)
	if err != nil {
		return nil, err
	}
	config.Name = name
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: model.Spec}
	pod.Spec.NodeName = ""
	for i, v := range pod.Spec.Volumes {
		if v.ConfigMap != nil {
			pod.Spec.Volumes[i].ConfigMap.Name = name
		}
	}
	defer func() {
		_ = pods.Delete(context.WithoutCancel(ctx), name, metav1.DeleteOptions{})
		_ = configs.Delete(context.WithoutCancel(ctx), name, metav1.DeleteOptions{})
	}()

	start := time.Now()
	if _, err := configs.Create(ctx, config, metav1.CreateOptions{}); err != nil {
		return nil, err
	}
	if _, err := pods.Create(ctx, pod, metav1.CreateOptions{}); err != nil {
		return nil, err
	}
	if _, err := w.when(ctx, "running "+name); err != nil {
		return nil, err
	}
	log, err := pods.GetLogs(name, &corev1.PodLogOptions{Follow: true}).Stream(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if strings.Contains(lines.Text(), "hello") {
			return marks{"first output": time.Since(start)}, nil
		}
	}
	return nil, fmt.Errorf("pod %s printed nothing", name)
}

// job is the ConfigMap of a run of hello, which measureRaw needs a copy of. It
// is taken from a run that is caught while it is under way.
func (w *watcher) job(ctx context.Context) (*corev1.ConfigMap, error) {
	w.mu.Lock()
	known := w.config
	w.mu.Unlock()
	if known != nil {
		return known.DeepCopy(), nil
	}
	id, err := w.submit(ctx, hello)
	if err != nil {
		return nil, err
	}
	if _, err := w.when(ctx, "pod of "+id); err != nil {
		return nil, err
	}
	found, err := w.cluster.CoreV1().ConfigMaps(namespace).List(ctx, metav1.ListOptions{LabelSelector: label + "=" + id})
	if err != nil {
		return nil, err
	}
	if len(found.Items) == 0 {
		return nil, fmt.Errorf("execution %s has no ConfigMap", id)
	}
	c := &corev1.ConfigMap{Data: found.Items[0].Data, BinaryData: found.Items[0].BinaryData, Immutable: found.Items[0].Immutable}
	w.mu.Lock()
	w.config = c
	w.mu.Unlock()
	return c.DeepCopy(), w.stream(ctx, id, func(string, string) {}) // to its end, so that it is in nobody's way
}

// latency measures from the write of a line in the script to the client.
func (w *watcher) latency(ctx context.Context) error {
	const script = "import time\nfor i in range(100):\n    print(time.time_ns(), flush=True)\n    time.sleep(0.05)\n"
	id, err := w.submit(ctx, script)
	if err != nil {
		return err
	}
	var took []time.Duration
	err = w.stream(ctx, id, func(event, data string) {
		now := time.Now()
		var frame struct {
			Text string `json:"text"`
		}
		if event != "output" || json.Unmarshal([]byte(data), &frame) != nil {
			return
		}
		for line := range strings.Lines(frame.Text) {
			if ns, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64); err == nil {
				took = append(took, now.Sub(time.Unix(0, ns)))
			}
		}
	})
	if err != nil {
		return err
	}
	row("stdout write → client, every 50 ms", took)
	fmt.Println()
	return nil
}
