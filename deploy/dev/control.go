package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// request is a line on the control socket; reply is the line that answers it.
type request struct{ Do, Part string }

type reply struct {
	Error string
	Parts []Report
	Pid   int
	Up    bool // all parts were ready once
}

// controlPath reaches the socket through an open folder: the path of a Unix socket must be shorter than 108 bytes
// (unix(7)), and the state's may be longer. The file must stay open while the path is used.
func controlPath(dirs Dirs) (path string, folder *os.File, err error) {
	folder, err = os.Open(dirs.State)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/control", folder.Fd()), folder, nil
}

// serve answers on the control socket until ctx ends.
func (s *Supervisor) serve(ctx context.Context, handle func(context.Context, request) reply) error {
	_ = os.Remove(filepath.Join(s.dirs.State, "control"))
	path, folder, err := controlPath(s.dirs)
	if err != nil {
		return err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		_ = folder.Close()
		return err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return err
	}
	context.AfterFunc(ctx, func() {
		_ = listener.Close() // which removes the socket
		_ = folder.Close()
	})
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				var r request
				if err := json.NewDecoder(conn).Decode(&r); err == nil {
					_ = json.NewEncoder(conn).Encode(handle(ctx, r))
				}
			}()
		}
	}()
	return nil
}

// do carries out what tells it to.
func (s *Supervisor) do(ctx context.Context, r request) error {
	part, err := s.part(r.Part)
	if err != nil {
		return err
	}
	switch r.Do {
	case "start":
		return s.start(ctx, part)
	case "stop":
		return s.end(part, syscall.SIGTERM)
	case "kill":
		return s.end(part, syscall.SIGKILL)
	}
	return fmt.Errorf("unknown request %q", r.Do)
}

var errNotUp = errors.New("nothing is up: codesaga-dev up --detach")

// ask sends a request to the supervisor; errNotUp says that there is none.
func ask(ctx context.Context, dirs Dirs, r request) (reply, error) {
	var answer reply
	path, folder, err := controlPath(dirs)
	if err != nil {
		return answer, errNotUp
	}
	defer folder.Close()
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "unix", path)
	if err != nil {
		return answer, errNotUp
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err := json.NewEncoder(conn).Encode(r); err != nil {
		return answer, err
	}
	if err := json.NewDecoder(conn).Decode(&answer); err != nil {
		return answer, fmt.Errorf("the supervisor did not answer: %w", err)
	}
	if answer.Error != "" {
		return answer, errors.New(answer.Error)
	}
	return answer, nil
}

// tell asks for something to be done with a part, and says that it was.
func tell(ctx context.Context, dirs Dirs, r request) error {
	began := time.Now()
	if _, err := ask(ctx, dirs, r); err != nil {
		return err
	}
	past := map[string]string{"start": "ready", "stop": "stopped", "kill": "killed"}
	fmt.Printf("%s %s, %s\n", r.Part, past[r.Do], elapsed(time.Since(began)))
	return nil
}
