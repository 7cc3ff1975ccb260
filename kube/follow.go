package kube

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/runner"
)

const (
	// A log that cannot be opened yet is tried again this soon, then slower.
	firstRetry, lastRetry = 20 * time.Millisecond, time.Second

	// At most so many frames are published at a time: half a MiB.
	batch = 32
)

// line is a frame of a log, and when it was read.
type line struct {
	frame runner.Frame
	at    time.Time
}

// follow is an open log.
type follow struct {
	lines    chan line // closed at its end
	err      error     // why it ended; to be read after that
	stop     context.CancelFunc
	complete bool // it was opened when nothing more could be written to it
}

// readLog opens the log if it is time to, and gives it up if it is high time.
// The end of a follow is not the end of a run: a kubelet that starts anew ends
// it with a plain EOF.
func (k *keeper) readLog(ctx context.Context) {
	now := time.Now()
	if k.drained || !k.ran {
		k.closeLog()
		return
	}
	if !k.quitAt.IsZero() && !now.Before(k.quitAt) {
		if k.follow == nil || k.follow.complete {
			k.log.WarnContext(ctx, "log given up", "chunks", k.last)
			k.closeLog()
			k.drained = true
			k.nudge()
			return
		}
		k.closeLog() // it hangs: one more try
		k.hope()
	}
	if k.follow != nil || now.Before(k.retryAt) {
		return
	}
	ctx, stop := context.WithCancel(ctx)
	f := &follow{lines: make(chan line, batch-1), stop: stop, complete: terminated(k.view.pod) != nil || !k.goneAt.IsZero()}
	name := k.view.pod.Name
	go func() {
		defer close(f.lines)
		f.err = k.w.read(ctx, name, f.lines)
	}()
	k.follow = f
}

// hope puts off giving up the log.
func (k *keeper) hope() {
	if at := time.Now().Add(patience); !k.quitAt.IsZero() && k.quitAt.Before(at) {
		k.quitAt = at
	}
}

// closeLog ends the follow, and waits until it has ended.
func (k *keeper) closeLog() {
	if k.follow == nil {
		return
	}
	k.follow.stop()
	for range k.follow.lines { // what is left of it is not wanted
	}
	k.follow = nil
}

// lines is where frames come from; nil, from where nothing comes, if no log is
// open.
func (k *keeper) lines() <-chan line {
	if k.follow == nil {
		return nil
	}
	return k.follow.lines
}

// take publishes l and all output that can be had without waiting, up to the
// next frame that says something else. It returns false if ctx has ended.
func (k *keeper) take(ctx context.Context, l line, ok bool) bool {
	if !ok {
		k.logEnded()
		return true
	}
	k.backoff = firstRetry
	k.hope()
	var chunks []execution.Chunk
	for ; ok; l, ok = k.more(len(chunks)) {
		if streams[l.frame.Kind] == "" {
			break
		}
		if c, isNew := k.chunk(l); isNew {
			chunks = append(chunks, c)
		}
	}
	if len(chunks) > 0 && k.surely(ctx, func() error { return k.w.Bus.Output(k.traced(ctx), chunks...) }) != nil {
		return false
	}
	if ok {
		k.note(l.frame)
	}
	return true
}

// more is the next line, if there is one and room for it.
func (k *keeper) more(have int) (l line, ok bool) {
	if have >= batch {
		return line{}, false
	}
	select {
	case l, ok = <-k.follow.lines:
	default:
	}
	return l, ok
}

// chunk is the output in l, unless it was published before.
func (k *keeper) chunk(l line) (execution.Chunk, bool) {
	f := l.frame
	if f.Number <= k.last {
		return execution.Chunk{}, false
	}
	if f.Number > k.last+1 { // rotated away, or the runner was sabotaged
		k.log.Warn("frames are missing", "after", k.last, "until", f.Number)
	}
	k.last = f.Number
	k.output.Chunks++
	switch end := f.Position + int64(len(f.Bytes)); f.Kind {
	case runner.Stdout:
		k.output.StdoutBytes = max(k.output.StdoutBytes, end)
	case runner.Stderr:
		k.output.StderrBytes = max(k.output.StderrBytes, end)
	case runner.CompileOut:
		k.output.CompileBytes = max(k.output.CompileBytes, end)
	}
	return execution.Chunk{
		ExecutionID: idOf(k.view.pod), Number: f.Number, Stream: streams[f.Kind], Position: f.Position,
		Bytes: f.Bytes, At: l.at.UTC().Truncate(time.Millisecond),
	}, true
}

// streams are where the bytes of frames belong; other kinds of frames have none.
var streams = map[runner.Kind]execution.Stream{
	runner.Stdout: execution.Stdout, runner.Stderr: execution.Stderr,
	runner.CompileOut: execution.Compile, runner.ArtifactData: execution.Artifacts,
}

// note takes over what a frame says that is not output. The first of its kind
// counts: what is behind a final frame is not the runner's.
func (k *keeper) note(f runner.Frame) {
	switch {
	case f.Kind == runner.Start && k.started == nil:
		started := new(runner.Started)
		if json.Unmarshal(f.Bytes, started) == nil {
			k.started = started
		}
	case f.Kind == runner.Final:
		end := new(runner.End)
		if json.Unmarshal(f.Bytes, end) == nil {
			k.end, k.drained = end, true
		}
	}
}

// logEnded looks at why: a log that was opened when nothing more could come,
// and was read to its end, is done with; so is one of a pod that is gone.
func (k *keeper) logEnded() {
	err, complete := k.follow.err, k.follow.complete
	k.closeLog()
	if complete && errors.Is(err, io.EOF) || !k.goneAt.IsZero() && apierrors.IsNotFound(err) {
		k.drained = true
		return
	}
	k.w.metrics().reopened.Inc()
	k.log.Debug("log ended", "err", err, "complete", complete)
	k.retryAt = time.Now().Add(k.backoff)
	k.backoff = min(2*k.backoff, lastRetry)
}

// read sends the frames of the log of pod to lines until it ends; its error is
// never nil.
func (w *Worker) read(ctx context.Context, pod string, lines chan<- line) error {
	open := w.openLog
	if open == nil {
		open = w.podLog
	}
	log, err := open(ctx, pod)
	if err != nil {
		return err
	}
	defer log.Close()
	defer context.AfterFunc(ctx, func() { _ = log.Close() })() // a read does not hear ctx
	strange := false
	for frames := runner.NewReader(log); ; {
		f, err := frames.Read()
		switch {
		case errors.Is(err, runner.ErrFrame):
			if !strange { // a runner of another version, or a broken one; what it says may be output
				w.log().WarnContext(ctx, "log has lines that are no frames", "pod", pod)
			}
			strange = true
			continue
		case err != nil:
			return err
		}
		select {
		case lines <- line{f, time.Now()}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (w *Worker) podLog(ctx context.Context, pod string) (io.ReadCloser, error) {
	return w.pods().GetLogs(pod, &corev1.PodLogOptions{Container: container, Follow: true}).Stream(ctx)
}
