package main

import (
	"fmt"
	"syscall"
)

func main() {
	for {
		for i := 0; i < 1_000_000; i++ {
		}
		var used syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
		if used.Utime.Sec >= 2 {
			break
		}
	}
	fmt.Println("burnt")
}
