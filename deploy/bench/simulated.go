package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes/scheme"
)

// simulated is a Kubernetes API with a node that runs nothing: each pod starts
// at once, and its log says what the runner of a script that prints "hello"
// would say. What the platform itself can do is measured on it, with its own
// kube worker, in place of what two cores can start in containers.
type simulated struct {
	writes atomic.Int64 // calls that change something

	mu      sync.Mutex
	version int64
	objects map[string]map[string]map[string]any // path of the list → name → object
	watches map[string]map[chan watchEvent]string
}

type watchEvent struct {
	Type   string         `json:"type"`
	Object map[string]any `json:"object"`
}

// simulate serves such an API, until ctx ends, and returns a kubeconfig for it.
func simulate(ctx context.Context, dir string) (*simulated, string, error) {
	s := &simulated{objects: map[string]map[string]map[string]any{}, watches: map[string]map[chan watchEvent]string{}}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	go func() { _ = server.Serve(l) }()
	context.AfterFunc(ctx, func() { _ = server.Close() })
	path := filepath.Join(dir, "simulated.kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: 'http://%s'}}]\n"+
		"contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {token: none}}]\ncurrent-context: c\n", l.Addr())
	return s, path, os.WriteFile(path, []byte(text), 0o600)
}

// ServeHTTP answers for all resources alike: /api/v1 and /apis/GROUP/VERSION,
// with or without a namespace.
func (s *simulated) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	list, name, sub := split(r.URL.Path)
	switch {
	case sub == "log":
		s.log(w, r, list, name)
	case r.Method == http.MethodGet && name == "" && r.URL.Query().Get("watch") != "":
		s.watch(w, r, list)
	case r.Method == http.MethodGet && name == "":
		s.list(w, r, list)
	case r.Method == http.MethodGet:
		s.answer(w, http.StatusOK, s.get(list, name))
	case r.Method == http.MethodPost:
		s.create(w, r, list)
	case r.Method == http.MethodDelete:
		s.remove(w, list, name)
	default: // PUT, PATCH
		s.change(w, r, list, name)
	}
}

// split finds the list, the name in it and the subresource.
func split(path string) (list, name, sub string) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	n := 3 // api v1 pods
	if parts[0] == "apis" {
		n = 4
	}
	if len(parts) > n && parts[n-1] == "namespaces" {
		n += 2
	}
	if len(parts) == n-1 { // a namespace itself
		return strings.Join(parts[:n-2], "/"), parts[n-2], ""
	}
	list = strings.Join(parts[:min(n, len(parts))], "/")
	if len(parts) > n {
		name = parts[n]
	}
	if len(parts) > n+1 {
		sub = parts[n+1]
	}
	return list, name, sub
}

// decode reads an object, in JSON or Protobuf, into its JSON form.
func decode(r *http.Request) (map[string]any, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	if err != nil {
		return nil, err
	}
	if strings.Contains(r.Header.Get("Content-Type"), "protobuf") {
		object, kind, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, nil)
		if err != nil {
			return nil, err
		}
		object.GetObjectKind().SetGroupVersionKind(*kind)
		if body, err = json.Marshal(object); err != nil {
			return nil, err
		}
	}
	var object map[string]any
	return object, json.Unmarshal(body, &object)
}

func (s *simulated) create(w http.ResponseWriter, r *http.Request, list string) {
	s.writes.Add(1)
	object, err := decode(r)
	if err != nil {
		s.status(w, http.StatusBadRequest, "BadRequest", err.Error())
		return
	}
	meta := metaOf(object)
	name, _ := meta["name"].(string)
	if name == "" {
		name = fmt.Sprint(meta["generateName"], time.Now().UnixNano())
		meta["name"] = name
	}
	meta["uid"] = fmt.Sprintf("uid-%s-%d", name, time.Now().UnixNano())
	meta["creationTimestamp"] = time.Now().UTC().Format(time.RFC3339)
	if parts := strings.Split(list, "/"); len(parts) > 2 && parts[len(parts)-3] == "namespaces" {
		meta["namespace"] = parts[len(parts)-2]
	}
	s.mu.Lock()
	if s.objects[list][name] != nil {
		s.mu.Unlock()
		s.status(w, http.StatusConflict, "AlreadyExists", name+" already exists")
		return
	}
	object = s.put(list, name, object, "ADDED")
	s.mu.Unlock()
	s.answer(w, http.StatusCreated, object)
	if strings.HasSuffix(list, "/pods") {
		s.run(list, name)
	}
}

func (s *simulated) change(w http.ResponseWriter, r *http.Request, list, name string) {
	s.writes.Add(1)
	patch, err := decode(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.objects[list][name]
	switch {
	case err != nil:
		s.status(w, http.StatusBadRequest, "BadRequest", err.Error())
		return
	case was == nil:
		s.status(w, http.StatusNotFound, "NotFound", name+" not found")
		return
	}
	next := patch
	if r.Method == http.MethodPatch {
		next = merge(was, patch)
	}
	s.answer(w, http.StatusOK, s.put(list, name, next, "MODIFIED"))
}

// merge is RFC 7386.
func merge(to, patch map[string]any) map[string]any {
	out := maps.Clone(to)
	for name, value := range patch {
		inner, isObject := value.(map[string]any)
		had, hadObject := out[name].(map[string]any)
		switch {
		case value == nil:
			delete(out, name)
		case isObject && hadObject:
			out[name] = merge(had, inner)
		default:
			out[name] = value
		}
	}
	return out
}

func (s *simulated) remove(w http.ResponseWriter, list, name string) {
	s.writes.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	object := s.objects[list][name]
	if object == nil {
		s.status(w, http.StatusNotFound, "NotFound", name+" not found")
		return
	}
	delete(s.objects[list], name)
	object = s.stamp(object)
	s.notify(list, watchEvent{"DELETED", object})
	s.answer(w, http.StatusOK, object)
}

// stamp is object with the next version; what others may be reading stays as it
// is. The caller holds mu.
func (s *simulated) stamp(object map[string]any) map[string]any {
	s.version++
	object, meta := maps.Clone(object), maps.Clone(metaOf(object))
	meta["resourceVersion"] = strconv.FormatInt(s.version, 10)
	object["metadata"] = meta
	return object
}

// put stores object and returns it as it is stored; the caller holds mu.
func (s *simulated) put(list, name string, object map[string]any, what string) map[string]any {
	object = s.stamp(object)
	if s.objects[list] == nil {
		s.objects[list] = map[string]map[string]any{}
	}
	s.objects[list][name] = object
	s.notify(list, watchEvent{what, object})
	return object
}

// notify tells all who watch; the caller holds mu.
func (s *simulated) notify(list string, e watchEvent) {
	for ch, selector := range s.watches[list] {
		if !selects(selector, e.Object) {
			continue
		}
		select {
		case ch <- e:
		default: // it lags: it has to begin anew
			close(ch)
			delete(s.watches[list], ch)
		}
	}
}

func selects(selector string, object map[string]any) bool {
	parsed, err := labels.Parse(selector)
	if err != nil {
		return true
	}
	set := labels.Set{}
	have, _ := metaOf(object)["labels"].(map[string]any)
	for name, value := range have {
		set[name] = fmt.Sprint(value)
	}
	return parsed.Matches(set)
}

func (s *simulated) watch(w http.ResponseWriter, r *http.Request, list string) {
	if r.URL.Query().Get("sendInitialEvents") != "" { // clients then list first
		s.status(w, http.StatusUnprocessableEntity, "Invalid", "sendInitialEvents is not known here")
		return
	}
	ch := make(chan watchEvent, 4096)
	s.mu.Lock()
	if s.watches[list] == nil {
		s.watches[list] = map[chan watchEvent]string{}
	}
	s.watches[list][ch] = r.URL.Query().Get("labelSelector")
	// What came between the list and now would be missed: all there is is told
	// as modified, which changes nothing for who knows it.
	for _, object := range s.objects[list] {
		if selects(s.watches[list][ch], object) {
			ch <- watchEvent{"MODIFIED", object}
		}
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	ctl, lines := http.NewResponseController(w), json.NewEncoder(w)
	_ = ctl.Flush()
	for {
		select {
		case <-r.Context().Done():
			s.mu.Lock()
			delete(s.watches[list], ch)
			s.mu.Unlock()
			return
		case e, ok := <-ch:
			if !ok || lines.Encode(e) != nil || ctl.Flush() != nil {
				return
			}
		}
	}
}

func (s *simulated) list(w http.ResponseWriter, r *http.Request, list string) {
	s.mu.Lock()
	items := []map[string]any{}
	for _, object := range s.objects[list] {
		if selects(r.URL.Query().Get("labelSelector"), object) {
			items = append(items, object)
		}
	}
	s.answer(w, http.StatusOK, map[string]any{
		"kind": "List", "apiVersion": "v1", "items": items,
		"metadata": map[string]any{"resourceVersion": strconv.FormatInt(s.version, 10)},
	})
	s.mu.Unlock()
}

func (s *simulated) get(list, name string) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objects[list][name]
}

// run lets a pod start.
func (s *simulated) run(list, name string) {
	now := metav1.Now()
	s.setStatus(list, name, corev1.PodStatus{
		Phase: corev1.PodRunning, StartTime: &now,
		Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: now}},
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: containerOf(s.get(list, name)), ContainerID: "simulated://" + name,
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
		}},
	})
}

func containerOf(pod map[string]any) string {
	spec, _ := pod["spec"].(map[string]any)
	all, _ := spec["containers"].([]any)
	if len(all) == 0 {
		return ""
	}
	first, _ := all[0].(map[string]any)
	return fmt.Sprint(first["name"])
}

func (s *simulated) setStatus(list, name string, status corev1.PodStatus) {
	var form map[string]any
	text, err := json.Marshal(status)
	if err == nil {
		err = json.Unmarshal(text, &form)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.objects[list][name]
	if err != nil || was == nil {
		return
	}
	s.put(list, name, merge(was, map[string]any{"status": form, "spec": map[string]any{"nodeName": "simulated"}}), "MODIFIED")
}

// log is what the runner says of a script that prints "hello" and ends well,
// and then the container has ended.
func (s *simulated) log(w http.ResponseWriter, _ *http.Request, list, name string) {
	pod := s.get(list, name)
	if pod == nil {
		s.status(w, http.StatusNotFound, "NotFound", name+" not found")
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	if have, _ := metaOf(pod)["labels"].(map[string]any); have[label] == nil { // a probe of isolation
		_, _ = io.WriteString(w, probe)
		s.finish(list, name)
		return
	}
	now := time.Now().UTC()
	frame(w, 's', 0, fmt.Sprintf(`{"at":%q,"phase":"run"}`, now.Format(time.RFC3339Nano)))
	frame(w, 'o', 1, "hello")
	frame(w, 'f', 0, fmt.Sprintf(`{"exit_code":0,"phase":"run","started_at":%q,"finished_at":%q,"wall_time_seconds":0.01,"cpu_time_seconds":0.01,"peak_memory_bytes":8000000,"frames":1,"stdout_bytes":5,"stderr_bytes":0}`,
		now.Format(time.RFC3339Nano), now.Format(time.RFC3339Nano)))
	s.finish(list, name)
}

func (s *simulated) finish(list, name string) {
	now := metav1.Now()
	s.setStatus(list, name, corev1.PodStatus{
		Phase: corev1.PodSucceeded, StartTime: &now,
		Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: now}},
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: containerOf(s.get(list, name)), ContainerID: "simulated://" + name,
			State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed", StartedAt: now, FinishedAt: now}},
		}},
	})
}

// frame writes one as the runner does, of text without anything to escape.
func frame(w io.Writer, kind byte, number int, text string) {
	_, _ = fmt.Fprintf(w, "%c %d 0 %d %s\n", kind, number, len(text), text)
}

func (s *simulated) answer(w http.ResponseWriter, code int, object map[string]any) {
	if object == nil {
		s.status(w, http.StatusNotFound, "NotFound", "not found")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(object)
}

func (s *simulated) status(w http.ResponseWriter, code int, reason, message string) {
	s.answer(w, code, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message})
}

func metaOf(object map[string]any) map[string]any {
	meta, ok := object["metadata"].(map[string]any)
	if !ok {
		meta = map[string]any{}
		object["metadata"] = meta
	}
	return meta
}

// probe is what a pod says that looks for a way out and finds none.
const probe = `{"interfaces":[]}` + "\n"
