package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
)

func main() {
	version := strings.Split(strings.TrimPrefix(runtime.Version(), "go"), ".")
	fmt.Println("version", strings.Join(version[:2], "."))
	fmt.Println("args", strings.Join(os.Args[1:], "|"))
	fmt.Println("env", os.Getenv("GREETING"))
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	in.Scan()
	fmt.Println("stdin", in.Text())
	fmt.Println("日本語 🐘")
	fmt.Fprintln(os.Stderr, "to stderr")
	os.Exit(3)
}
