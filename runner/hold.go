//go:build linux

package runner

import (
	"context"
	"net"
	"os/signal"
	"syscall"
)

// hold does nothing until it is asked to stop, but let others connect to the
// address that it is given, if it is given one. A pod whose container it is
// keeps images on its node, or is somebody for a probe to reach.
func hold(address []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if len(address) == 0 {
		<-ctx.Done()
		return nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address[0])
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	for {
		c, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		_ = c.Close()
	}
}
