package main

import (
	"fmt"
	"runtime"
	"strings"
)

func main() {
	held := make([]byte, 40<<20)
	for i := range held {
		held[i] = 1
	}
	for i := 0; i < 300; i++ {
		fmt.Println(strings.Repeat("x", 1023))
	}
	runtime.KeepAlive(held)
}
