// Package ui carries the page inside of the binary: plain HTML, CSS and
// JavaScript modules, which no step builds.
package ui

import (
	"embed"
	"io/fs"
)

//go:embed static
var static embed.FS

// Files is the page: index.html and what it needs.
var Files, _ = fs.Sub(static, "static")
