package main

import "bytes"

var held [][]byte

func main() {
	for {
		held = append(held, bytes.Repeat([]byte("x"), 4<<20))
	}
}
