package main

import (
	"fmt"
	"maps"
	"slices"
)

func main() {
	n := new(6 * 7)
	fmt.Println(*n, slices.Sorted(maps.Keys(map[string]bool{"b": true, "a": true})))
}
