package execution

import (
	"errors"
	"regexp"
	"strings"
	"testing"
)

func TestIDsAreUUIDv7(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[ID]bool{}
	for range 1000 {
		id := NewID()
		if !form.MatchString(string(id)) || seen[id] {
			t.Fatalf("%s: not a new UUIDv7", id)
		}
		seen[id] = true
	}
}

func TestLimitsAreRefusedNotClamped(t *testing.T) {
	b := DefaultBounds
	tests := []struct {
		name           string
		asked, profile Limits
		want           Limits // only what is set
		wrong          string // the fields
	}{
		{name: "defaults", want: Limits{TimeoutSeconds: 30, CPUMillis: 1000, MemoryBytes: 128 << 20, OutputBytes: 1 << 20, Processes: 64, DiskBytes: 64 << 20}},
		{name: "the language's own", profile: Limits{MemoryBytes: 256 << 20, TimeoutSeconds: 10_000},
			want: Limits{TimeoutSeconds: 300, CPUMillis: 1000, MemoryBytes: 256 << 20, OutputBytes: 1 << 20, Processes: 64, DiskBytes: 64 << 20}},
		{name: "asked for", asked: Limits{TimeoutSeconds: 1, CPUMillis: 100, MemoryBytes: 32 << 20, OutputBytes: 1 << 10, Processes: 1, DiskBytes: 1 << 20}, profile: Limits{MemoryBytes: 1 << 30},
			want: Limits{TimeoutSeconds: 1, CPUMillis: 100, MemoryBytes: 32 << 20, OutputBytes: 1 << 10, Processes: 1, DiskBytes: 1 << 20}},
		{name: "out of range", asked: Limits{TimeoutSeconds: 301, MemoryBytes: -1}, wrong: "limits.timeout_seconds limits.memory_bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := b.Apply(tt.asked, tt.profile)
			if wrong := fields(err); wrong != tt.wrong || tt.wrong == "" && got != tt.want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestValidateNamesEachField(t *testing.T) {
	good := Execution{Priority: Normal, Pool: "default", Input: Input{Script: "1"}}
	tests := []struct {
		name  string
		spoil func(*Execution)
		wrong string
	}{
		{"nothing", func(*Execution) {}, ""},
		{"no script", func(x *Execution) { x.Input.Script = "" }, "script"},
		{"50 000 characters of four bytes", func(x *Execution) { x.Input.Script = strings.Repeat("😀", 50_000) }, ""},
		{"50 001 characters", func(x *Execution) { x.Input.Script = strings.Repeat("a", 50_001) }, "script"},
		{"65 arguments", func(x *Execution) { x.Input.Args = make([]string, 65) }, "args"},
		{"a long argument", func(x *Execution) { x.Input.Args = []string{strings.Repeat("a", 4097)} }, "args"},
		{"a NUL in an argument", func(x *Execution) { x.Input.Args = []string{"a\x00"} }, "args"},
		{"a name that is none", func(x *Execution) { x.Input.Env = []Pair{{"A-B", ""}} }, "env"},
		{"a reserved name", func(x *Execution) { x.Input.Env = []Pair{{"PATH", "/tmp"}} }, "env.PATH"},
		{"900 KiB", func(x *Execution) { x.Input.Stdin = strings.Repeat("a", 900<<10-1) }, ""},
		{"a byte more", func(x *Execution) { x.Input.Stdin = strings.Repeat("a", 900<<10) }, "script"},
		{"a file outside", func(x *Execution) { x.Input.Files = []File{{Path: "../x"}} }, "files.path"},
		{"a file at the root", func(x *Execution) { x.Input.Files = []File{{Path: "/x"}} }, "files.path"},
		{"two things", func(x *Execution) { x.Priority, x.Pool = "urgent", "A" }, "priority pool"},
		{"a label that selects", func(x *Execution) { x.Labels = []Pair{{"a=b", ""}} }, "labels"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := good
			tt.spoil(&x)
			if wrong := fields(x.Validate(nil)); wrong != tt.wrong {
				t.Errorf("wrong: %q, want %q", wrong, tt.wrong)
			}
		})
	}
}

func TestLanguages(t *testing.T) {
	ls := Languages{{ID: "python", Aliases: []string{"py"}, DefaultVersion: "3.11", Versions: []Version{
		{Version: "3.12", Disabled: true, Image: "new"}, {Version: "3.11", Image: "far", LocalImage: "near"},
	}}}
	tests := []struct{ language, version, want, wrong string }{
		{"python", "", "3.11", ""},
		{"py", "3.11", "3.11", ""},
		{"cobol", "", "", "language"},
		{"python", "3.12", "", "version"}, // disabled
		{"python", "2", "", "version"},
	}
	for _, tt := range tests {
		_, v, err := ls.Find(tt.language, tt.version)
		if v.Version != tt.want || fields(err) != tt.wrong {
			t.Errorf("%s %s: %q, %v", tt.language, tt.version, v.Version, err)
		}
	}
	l := ls[0]
	if far, near := l.Program(l.Versions[1], false, "").Image, l.Program(l.Versions[1], true, "").Image; far != "far" || near != "near" {
		t.Errorf("images %s, %s", far, near)
	}
}

func TestPositions(t *testing.T) {
	for s, ok := range map[string]bool{"0.0": true, "42.17": true, "": false, "end": false, "1": false, "-1.2": false, "1.2.3": false, "1.2x": false, "99999999999999999999.1": false} {
		if p, got := ParsePosition(s); got != ok || ok && p.String() != s {
			t.Errorf("ParsePosition(%q) = %v, %t", s, p, got)
		}
	}
}

// fields lists the fields that err names.
func fields(err error) string {
	var wrong FieldErrors
	errors.As(err, &wrong)
	names := make([]string, len(wrong))
	for i, f := range wrong {
		names[i] = f.Field
	}
	return strings.Join(names, " ")
}

func TestDerivedIDIsAFunctionOfBoth(t *testing.T) {
	id := NewID()
	a, b := DerivedID(id, "retry"), DerivedID(id, "other")
	if a != DerivedID(id, "retry") || a == b || a == id || len(a) != len(id) || a[:13] != id[:13] || a[14] != '7' {
		t.Errorf("%s: %s, %s", id, a, b)
	}
}
