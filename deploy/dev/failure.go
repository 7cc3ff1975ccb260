package main

import (
	"fmt"
	"os"
	"strings"
)

const logLines = 20

// failure is a part that did not build, start or stay; its text ends with the last lines of the part's log.
type failure struct {
	part, log string
	err       error
}

func (f *failure) Unwrap() error { return f.err }

func (f *failure) Error() string {
	text := fmt.Sprintf("%s: %v", f.part, f.err)
	if lines := lastLines(f.log, logLines); lines != "" {
		text += fmt.Sprintf("\n--- last lines of %s\n%s", f.log, lines)
	}
	return text
}

// lastLines reads the end of a file; it is empty if there is none.
func lastLines(path string, n int) string {
	const tail = 32 << 10
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	buffer := make([]byte, min(tail, info.Size()))
	if _, err := f.ReadAt(buffer, info.Size()-int64(len(buffer))); err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimRight(string(buffer), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// createLog empties the log of something that is done anew each time.
func createLog(dirs Dirs, name string) (*os.File, error) {
	if err := os.MkdirAll(dirs.State+"/logs", 0o755); err != nil {
		return nil, err
	}
	return os.Create(dirs.log(name))
}
