package main

import (
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
)

func main() {
	m := map[string]int{"a": 1}
	n := maps.Clone(m)
	clear(m)
	slog.New(slog.NewTextHandler(os.Stderr, nil)).Info("structured")
	fmt.Println(min(2, 1), max(1.5, 2), len(m), n, slices.Max([]int{1, 3}))
}
