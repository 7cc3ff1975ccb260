package main

import (
	"fmt"
	"os"
	"strings"

	"script/app/parts"
)

func main() {
	name, err := os.ReadFile("data/name.txt")
	if err != nil {
		panic(err)
	}
	fmt.Println(parts.Greet(strings.TrimSpace(string(name))), second)
}
