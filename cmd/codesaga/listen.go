package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/codesaga/codesaga/web"
)

// deadPeer is how long a client may leave what was sent to it unacknowledged,
// and how often an idle connection of HTTP/2 is asked whether it is there. A
// heartbeat is sent in vain otherwise until TCP gives up, a quarter of an hour
// later.
const deadPeer = 20 * time.Second

// phases are those of a stop.
func (a *app) phases() web.Phases {
	return web.Phases{Notify: a.DrainNotify, Drain: a.DrainStreams, Close: a.DrainClose}
}

// listen serves s at address until ctx ends and its streams are drained, over
// HTTP/1.1 and HTTP/2: with TLS if there are keys, and without otherwise.
func (a *app) listen(ctx context.Context, address string, s *web.Server, keys *keyPair) error {
	server := httpServer(s.Handler(), a.log)
	if keys != nil {
		if _, err := keys.get(nil); err != nil {
			return err
		}
		server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: keys.get}
	}
	l, err := (&net.ListenConfig{Control: noticeDeadPeers}).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	a.log.Info("listening", "address", l.Addr().String(), "tls", keys != nil)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		<-ctx.Done()
		return s.Drain(a.patience, func(late context.Context) error {
			err := server.Shutdown(late)
			if late.Err() != nil {
				a.log.Warn("requests that did not end are cut off")
				return server.Close()
			}
			return err
		})
	})
	g.Go(func() error {
		serve := server.Serve
		if keys != nil {
			serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
		}
		if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return g.Wait()
}

// httpServer has no WriteTimeout: streams last, and handlers set deadlines of
// their own.
func httpServer(h http.Handler, log *slog.Logger) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		Protocols: &protocols, HTTP2: &http.HTTP2Config{SendPingTimeout: deadPeer, PingTimeout: deadPeer / 2},
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), // handshakes that fail, mostly
	}
}

// keys are those that -listen is served with, nil without TLS.
func (a *app) keys() *keyPair {
	if a.TLSCert == "" {
		return nil
	}
	return &keyPair{cert: a.TLSCert, key: a.TLSKey, log: a.log}
}

// keyPair is a certificate and its key, in two files that may change.
type keyPair struct {
	cert, key string
	log       *slog.Logger

	mu   sync.Mutex
	seen [2]fileState // of the files, as they were read last
	pair *tls.Certificate
}

// fileState is how a file stands: one that is written stands otherwise.
type fileState struct {
	at   time.Time
	size int64
}

// get returns what is in the files. While that is not to be had, or does not fit
// together because only one of them has been written, it is what there was.
func (k *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var now [2]fileState
	for i, name := range []string{k.cert, k.key} {
		if info, err := os.Stat(name); err == nil {
			now[i] = fileState{info.ModTime(), info.Size()}
		}
	}
	if k.pair != nil && now == k.seen {
		return k.pair, nil
	}
	k.seen = now
	pair, err := tls.LoadX509KeyPair(k.cert, k.key)
	switch {
	case err == nil:
		k.pair = &pair
		k.log.Info("certificate read", "file", k.cert)
	case k.pair != nil:
		k.log.Warn("the certificate cannot be read; the one before it is used", "file", k.cert, "err", err)
	default:
		return nil, fmt.Errorf("tls-cert-file: %w", err)
	}
	return k.pair, nil
}
