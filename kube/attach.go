package kube

import (
	"context"
	"errors"
	"io"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/streaming/pkg/httpstream"
)

// attached is the stdin and the stdout of a script. Each Write ends when the
// other side has taken it.
type attached struct {
	io.Reader
	io.Writer
	close func()
}

// Close ends the attach, and nothing else: the script's stdin stays open.
func (a *attached) Close() error {
	a.close()
	return nil
}

// podAttach attaches to the script of pod until ctx ends. What is wrong shows
// when the result is read or written: at once, because then it is at its end.
func (w *Worker) podAttach(ctx context.Context, pod string) io.ReadWriteCloser {
	ctx, stop := context.WithCancel(ctx)
	stdin, in := io.Pipe()
	out, stdout := io.Pipe()
	go func() {
		defer stop()
		err := w.stream(ctx, pod, remotecommand.StreamOptions{Stdin: stdin, Stdout: stdout})
		if err == nil {
			err = io.EOF
		}
		_ = stdin.CloseWithError(err)
		_ = stdout.CloseWithError(err)
	}()
	return &attached{out, in, func() {
		stop()
		_ = in.CloseWithError(io.ErrClosedPipe)
		_ = out.CloseWithError(io.ErrClosedPipe)
	}}
}

// stream is an attach from its beginning to its end. WebSockets are tried first:
// they notice when the other side is gone. Older clusters, and roles without
// get on pods/attach, have SPDY.
func (w *Worker) stream(ctx context.Context, pod string, o remotecommand.StreamOptions) error {
	if w.Config == nil {
		return errors.New("no configuration to attach with")
	}
	url := w.Client.CoreV1().RESTClient().Post().Resource("pods").Namespace(w.Namespace).Name(pod).SubResource("attach").
		VersionedParams(&corev1.PodAttachOptions{Container: container, Stdin: true, Stdout: true}, scheme.ParameterCodec).URL()
	spdy, err := remotecommand.NewSPDYExecutor(w.Config, "POST", url)
	if err != nil {
		return err
	}
	socket, err := remotecommand.NewWebSocketExecutor(w.Config, "GET", url.String())
	if err != nil {
		return err
	}
	executor, err := remotecommand.NewFallbackExecutor(socket, spdy, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	})
	if err != nil {
		return err
	}
	return executor.StreamWithContext(ctx, o)
}
