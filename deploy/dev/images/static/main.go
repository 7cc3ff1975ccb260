// Command echoargs is all there is in the image codesaga.local/static:1. Without a shell or a libc it shows that
// images without either work.
//
// It prints its arguments and the variable CODESAGA_TEST. If the first argument is a readable file, that is the
// script, and its lines are carried out: "print TEXT", "err TEXT", "sleep MS", "exit N"; others are ignored.
// Without a script, stdin is copied to stdout.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	for i, arg := range os.Args[1:] {
		fmt.Printf("arg %d %s\n", i+1, arg)
	}
	fmt.Printf("env CODESAGA_TEST=%s\n", os.Getenv("CODESAGA_TEST"))
	if len(os.Args) > 1 {
		if script, err := os.Open(os.Args[1]); err == nil {
			code := carryOut(script, os.Stdout, os.Stderr, time.Sleep)
			_ = script.Close()
			os.Exit(code)
		}
	}
	if _, err := io.Copy(os.Stdout, os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// carryOut runs a script and returns its exit code: that of the first "exit" line, or 0.
func carryOut(script io.Reader, stdout, stderr io.Writer, sleep func(time.Duration)) int {
	lines := bufio.NewScanner(script)
	for lines.Scan() {
		verb, rest, _ := strings.Cut(lines.Text(), " ")
		n, _ := strconv.Atoi(strings.TrimSpace(rest))
		switch verb {
		case "print":
			fmt.Fprintln(stdout, rest)
		case "err":
			fmt.Fprintln(stderr, rest)
		case "sleep":
			sleep(time.Duration(n) * time.Millisecond)
		case "exit":
			return n
		}
	}
	return 0
}
