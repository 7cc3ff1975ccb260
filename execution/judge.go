package execution

import (
	"fmt"
	"iter"
	"math"
	"strconv"
	"strings"
)

// The comparisons of judge mode.
const (
	CompareExact  = "exact"  // byte for byte
	CompareTrim   = "trim"   // without what is blank at the ends of lines, and without empty lines at the end
	CompareTokens = "tokens" // word for word, whatever is blank between them
	CompareFloat  = "float"  // likewise, and words that are numbers may differ by the tolerance
)

// Comparisons are all of them.
var Comparisons = []string{CompareExact, CompareTrim, CompareTokens, CompareFloat}

// Judge is the verdict on what a run printed.
type Judge struct {
	Passed bool   `json:"passed" bson:"passed"`
	Detail string `json:"detail,omitempty" bson:"detail,omitempty"` // the first difference, in few words; empty if it passed
}

// Judge compares what a run that completed has printed with what it should.
func (e Expected) Judge(stdout string) Judge {
	var detail string
	switch e.Comparison {
	case CompareExact:
		detail = difference("line", strings.SplitSeq(e.Stdout, "\n"), strings.SplitSeq(stdout, "\n"), same)
	case CompareTrim:
		detail = difference("line", trimmed(e.Stdout), trimmed(stdout), same)
	case CompareTokens:
		detail = difference("token", strings.FieldsSeq(e.Stdout), strings.FieldsSeq(stdout), same)
	case CompareFloat:
		detail = difference("token", strings.FieldsSeq(e.Stdout), strings.FieldsSeq(stdout), e.near)
	default:
		detail = fmt.Sprintf("no comparison %q", e.Comparison)
	}
	return Judge{Passed: detail == "", Detail: detail}
}

// trimmed are the lines of text as CompareTrim sees them.
func trimmed(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.SplitSeq(strings.TrimRight(text, blank), "\n") {
			if !yield(strings.TrimRight(line, blank)) {
				return
			}
		}
	}
}

// blank is what ASCII has of it.
const blank = " \t\n\v\f\r"

// difference says which of the units differs first, or nothing.
func difference(unit string, want, got iter.Seq[string], equal func(want, got string) bool) string {
	next, stop := iter.Pull(got)
	defer stop()
	n := 0
	for w := range want {
		n++
		g, ok := next()
		if !ok {
			return fmt.Sprintf("%s %d: want %s, and the output has ended", unit, n, excerpt(w))
		}
		if !equal(w, g) {
			return fmt.Sprintf("%s %d: want %s, got %s", unit, n, excerpt(w), excerpt(g))
		}
	}
	if g, more := next(); more {
		return fmt.Sprintf("%s %d: want the end, got %s", unit, n+1, excerpt(g))
	}
	return ""
}

func same(want, got string) bool { return want == got }

// near reports whether two words are the same, or numbers that differ by no
// more than the tolerance: as such, or as that part of what is wanted.
func (e Expected) near(want, got string) bool {
	if want == got {
		return true
	}
	w, err := strconv.ParseFloat(want, 64)
	if err != nil {
		return false
	}
	g, err := strconv.ParseFloat(got, 64)
	if err != nil {
		return false
	}
	if math.IsInf(w, 0) || math.IsNaN(w) {
		return w == g || math.IsNaN(w) && math.IsNaN(g)
	}
	return math.Abs(w-g) <= e.Tolerance*max(1, math.Abs(w))
}

// excerpt is the beginning of s, quoted.
func excerpt(s string) string {
	const most = 40
	if len(s) <= most {
		return strconv.Quote(s)
	}
	return strconv.Quote(s[:most]) + "…"
}
