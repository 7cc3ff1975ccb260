package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestScriptIsCarriedOutUntilItsExit(t *testing.T) {
	var stdout, stderr bytes.Buffer
	var slept time.Duration
	code := carryOut(strings.NewReader("print a b\nerr c\nsleep 20\nunknown\nexit 7\nprint never\n"), &stdout, &stderr,
		func(d time.Duration) { slept += d })
	if code != 7 || stdout.String() != "a b\n" || stderr.String() != "c\n" || slept != 20*time.Millisecond {
		t.Errorf("%d, %q, %q, %v", code, stdout.String(), stderr.String(), slept)
	}
}
