//go:build linux

// Command runner is PID 1 of every pod that runs a script: see package runner.
package main

import (
	"os"

	"github.com/codesaga/codesaga/runner"
)

func main() {
	os.Exit(runner.Main(os.Args))
}
