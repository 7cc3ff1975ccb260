package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

func main() {
	err := errors.Join(io.EOF, errors.New("other"))
	after, found := strings.CutPrefix("prefix-x", "prefix-")
	fmt.Println(errors.Is(err, io.EOF), after, found, [2]int([]int{1, 2}))
}
