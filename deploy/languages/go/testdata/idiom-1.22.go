package main

import "fmt"

func main() {
	var all []func() int
	for i := range 3 {
		all = append(all, func() int { return i })
	}
	fmt.Println(all[0](), all[1](), all[2]())
}
