package execution

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestJudge(t *testing.T) {
	tests := []struct {
		comparison, want, got string
		detail                string // empty: it passes
	}{
		{"exact", "a\nb\n", "a\nb\n", ""},
		{"exact", "", "", ""},
		{"exact", "a\n", "a", `line 2: want "", and the output has ended`},
		{"exact", "a", "a\n", `line 2: want the end, got ""`},
		{"exact", "a\nb", "a\nc", `line 2: want "b", got "c"`},
		{"exact", "a ", "a", `line 1: want "a ", got "a"`},
		{"exact", "\u00e9", "e\u0301", "line 1: want \"\u00e9\", got \"e\u0301\""}, // no normal forms

		{"trim", "a\nb", "a  \r\nb\t\n\n\n", ""},
		{"trim", "a\n\n \n", "a", ""},
		{"trim", "", " \n\n", ""},
		{"trim", "a\nb", " a\nb", `line 1: want "a", got " a"`}, // in front it counts
		{"trim", "a\n\nb", "a\nb", `line 2: want "", got "b"`},
		{"trim", "a\nb", "a", `line 2: want "b", and the output has ended`},
		{"trim", "a", "a\nb", `line 2: want the end, got "b"`},

		{"tokens", "1 2\n3", "  1\t2 3\n", ""},
		{"tokens", "1 2", "12", `token 1: want "1", got "12"`},
		{"tokens", "1 2 3", "1 2", `token 3: want "3", and the output has ended`},
		{"tokens", "1", "1 2", `token 2: want the end, got "2"`},
		{"tokens", "", "\n", ""},
		{"tokens", "Yes", "yes", `token 1: want "Yes", got "yes"`},

		{"float", "0.3", "0.30000000000000004", ""},
		{"float", "x 1e3", "x 1000", ""},
		{"float", "1000000", "1000000.9", ""}, // relative
		{"float", "0", "0.0000009", ""},       // absolute
		{"float", "1", "1.1", `token 1: want "1", got "1.1"`},
		{"float", "1", "one", `token 1: want "1", got "one"`},
		{"float", "one", "1", `token 1: want "one", got "1"`},
		{"float", "nan", "NaN", ""},
		{"float", "1", "nan", `token 1: want "1", got "nan"`},
		{"float", "inf", "Infinity", ""},
		{"float", "inf", "-inf", `token 1: want "inf", got "-inf"`},
		{"float", "1", "inf", `token 1: want "1", got "inf"`},

		{"fuzzy", "a", "a", `no comparison "fuzzy"`},
	}
	for _, tt := range tests {
		j := Expected{Stdout: tt.want, Comparison: tt.comparison, Tolerance: 1e-6}.Judge(tt.got)
		if j.Detail != tt.detail || j.Passed != (tt.detail == "") {
			t.Errorf("%s %q, %q: %+v, want %q", tt.comparison, tt.want, tt.got, j, tt.detail)
		}
	}
}

// What a verdict says is short, however long the lines are.
func TestJudgeQuotesNoGiantText(t *testing.T) {
	j := Expected{Stdout: strings.Repeat("é", 1<<20), Comparison: CompareExact}.Judge(strings.Repeat("\x00", 1<<20))
	if j.Passed || len(j.Detail) > 1000 || !utf8.ValidString(j.Detail) {
		t.Errorf("%d bytes: %.300s", len(j.Detail), j.Detail)
	}
}

func FuzzJudge(f *testing.F) {
	for _, seed := range []string{"", "a\nb \n", "1 2.5e3 nan", "\xff\x00\r\n", "0x1p-2 1_000"} {
		f.Add(seed, seed, 0.0)
		f.Add(seed, "", 1e-6)
	}
	f.Fuzz(func(t *testing.T, want, got string, tolerance float64) {
		passed := map[string]bool{}
		for _, c := range Comparisons {
			e := Expected{Stdout: want, Comparison: c, Tolerance: math.Abs(tolerance)}
			if !(Expected{Stdout: got, Comparison: c, Tolerance: math.Abs(tolerance)}).Judge(got).Passed {
				t.Errorf("%s: %q is not itself", c, got)
			}
			j := e.Judge(got)
			if j.Passed != (j.Detail == "") || len(j.Detail) > 1000 || !utf8.ValidString(j.Detail) {
				t.Errorf("%s: %+v", c, j)
			}
			passed[c] = j.Passed
		}
		if passed[CompareExact] != (want == got) {
			t.Errorf("exact: %v of %q and %q", passed[CompareExact], want, got)
		}
		for i, c := range Comparisons[1:] { // each forgives all that the one before does
			if passed[Comparisons[i]] && !passed[c] {
				t.Errorf("%s passes %q and %q, and %s does not", Comparisons[i], want, got, c)
			}
		}
		if _, err := strconv.ParseFloat(want, 64); err != nil && passed[CompareFloat] != passed[CompareTokens] && len(strings.Fields(want)) == 1 {
			t.Errorf("%q is no number, and is compared as one with %q", want, got)
		}
	})
}
