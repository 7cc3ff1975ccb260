package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// watcher sees from outside when tasks and pods of executions appear.
type watcher struct {
	*platform
	cluster kubernetes.Interface

	mu      sync.Mutex
	seen    map[string]time.Time     // by "task <execution>" and "pod <name>"
	waiting map[string]chan struct{} // closed when seen
	last    *corev1.Pod              // of an execution: what measureRaw copies
	config  *corev1.ConfigMap        // of a run of hello, likewise; nil until it was caught
}

const label = "codesaga/execution"

func newWatcher(ctx context.Context, p *platform) (*watcher, error) {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 200, 400
	cluster, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	w := &watcher{platform: p, cluster: cluster, seen: map[string]time.Time{}, waiting: map[string]chan struct{}{}}
	go w.watchPods(ctx)
	return w, w.watchTasks(ctx)
}

// watchTasks notes the first message of each key on the topic of tasks.
func (w *watcher) watchTasks(ctx context.Context) error {
	broker, topic := strings.Split(os.Getenv("CODESAGA_KAFKA_BROKERS"), ",")[0], w.prefix+"execution_tasks"
	conn, err := kafka.DialContext(ctx, "tcp", broker)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	partitions, err := conn.ReadPartitions(topic)
	if err != nil {
		return err
	}
	for _, partition := range partitions {
		r := kafka.NewReader(kafka.ReaderConfig{
			Brokers: []string{broker}, Topic: topic, Partition: partition.ID, MaxWait: time.Second, MinBytes: 1, MaxBytes: 4 << 20,
		})
		go func() {
			defer func() { _ = r.Close() }()
			for {
				m, err := r.ReadMessage(ctx)
				if err != nil {
					return
				}
				w.note("task "+string(m.Key), time.Now())
			}
		}()
	}
	return nil
}

func (w *watcher) watchPods(ctx context.Context) {
	for ctx.Err() == nil {
		changes, err := w.cluster.CoreV1().Pods(namespace).Watch(ctx, metav1.ListOptions{})
		if err != nil {
			continue
		}
		for change := range changes.ResultChan() {
			pod, ok := change.Object.(*corev1.Pod)
			if !ok {
				break
			}
			if change.Type == watch.Deleted {
				w.note("gone "+pod.Name, time.Now())
				continue
			}
			w.notePod(pod)
		}
	}
}

func (w *watcher) notePod(pod *corev1.Pod) {
	now := time.Now()
	w.note("pod "+pod.Name, now)
	if id := pod.Labels[label]; id != "" {
		w.note("pod of "+id, now)
		w.mu.Lock()
		w.last = pod
		w.mu.Unlock()
	}
	for _, c := range pod.Status.ContainerStatuses {
		if c.State.Running != nil || c.State.Terminated != nil {
			w.note("running "+pod.Name, now)
		}
	}
}

func (w *watcher) note(what string, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.seen[what]; ok {
		return
	}
	w.seen[what] = at
	if ch, ok := w.waiting[what]; ok {
		close(ch)
	}
}

// when waits until what was seen.
func (w *watcher) when(ctx context.Context, what string) (time.Time, error) {
	w.mu.Lock()
	at, ok := w.seen[what]
	ch := w.waiting[what]
	if !ok && ch == nil {
		ch = make(chan struct{})
		w.waiting[what] = ch
	}
	w.mu.Unlock()
	if ok {
		return at, nil
	}
	select {
	case <-ch:
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.seen[what], nil
	case <-ctx.Done():
		return at, ctx.Err()
	case <-time.After(time.Minute):
		return at, fmt.Errorf("%s: not seen within a minute", what)
	}
}
