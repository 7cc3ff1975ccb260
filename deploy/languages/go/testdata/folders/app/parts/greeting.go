// Package parts is a part.
package parts

// Greet greets.
func Greet(name string) string { return "hello " + name }
