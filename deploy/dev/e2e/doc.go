// Package e2e treats codesaga as its users do: as a binary and a URL. Its tests
// run real scripts in real pods, through HTTP, Server-Sent Events and the
// command line, and end by looking at the final state. An auditor then looks for
// what a run may have left behind. README.md says how to run it.
package e2e
