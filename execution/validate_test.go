package execution

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestFilesOfAProject(t *testing.T) {
	file := func(paths ...string) (all []File) {
		for _, p := range paths {
			all = append(all, File{Path: p})
		}
		return all
	}
	many := func(n int) (all []File) {
		for i := range n {
			all = append(all, File{Path: fmt.Sprintf("d/%d", i)})
		}
		return all
	}
	tests := []struct {
		name, script, entry string
		files               []File
		wrong               string
	}{
		{"a script", "1", "main.py", nil, ""},
		{"a script in a folder", "1", "app/main.py", file("app/lib.py"), ""},
		{"a file is run", "", "app/main.py", file("app/main.py", "app/lib.py", "b"), ""},
		{"32 files", "1", "main.py", many(32), ""},
		{"nothing to run", "", "main.py", file("other.py"), "script"},
		{"nothing at all", "", "", nil, "script"},
		{"a script and a file in one place", "1", "main.py", file("main.py"), "files.path"},
		{"one twice", "1", "main.py", file("a", "a"), "files.path"},
		{"a file in a file", "1", "main.py", file("a/b/c", "a"), "files.path"},
		{"a file in a file, the other way round", "1", "main.py", file("a", "a/b/c"), "files.path"},
		{"a file in the script", "1", "a", file("a/b"), "files.path"},
		{"the script in a file", "1", "a/b", file("a"), "files.path"},
		{"alike, and apart", "1", "main.py", file("a", "ab/c", "a.b/c", "b"), ""},
		{"33 files", "1", "main.py", many(33), "files"},
		{"outside", "1", "../main.py", nil, "entry_point"},
		{"at the root", "1", "/main.py", nil, "entry_point"},
		{"a flag", "1", "-c", nil, "entry_point"},
		{"this folder", "1", ".", nil, "entry_point"},
		{"not the shortest form", "1", "a//b", file("a/./b"), "entry_point files.path"},
		{"a long name", "1", strings.Repeat("a", 256), nil, "entry_point"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := Execution{Priority: Normal, Pool: "default", Input: Input{Script: tt.script, Files: tt.files}, Program: Program{FileName: tt.entry}}
			if wrong := fields(x.Validate(nil)); wrong != tt.wrong {
				t.Errorf("wrong: %q, want %q", wrong, tt.wrong)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	now := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	tests := []struct {
		name  string
		ask   func(*Execution)
		wrong string
	}{
		{"five attempts", func(x *Execution) { x.Retry.MaxAttempts = 5 }, ""},
		{"six attempts", func(x *Execution) { x.Retry.MaxAttempts = 6 }, "retry.max_attempts"},
		{"fewer than none", func(x *Execution) { x.Retry.MaxAttempts = -1 }, "retry.max_attempts"},
		{"in 30 days", func(x *Execution) { x.NotBefore = new(now.Add(30 * day)) }, ""},
		{"in more", func(x *Execution) { x.NotBefore = new(now.Add(30*day + time.Second)) }, "scheduled_at"},
		{"yesterday", func(x *Execution) { x.NotBefore = new(now.Add(-day)) }, ""},
		{"judged", func(x *Execution) { x.Expected = &Expected{Comparison: "float", Tolerance: 1} }, ""},
		{"judged by nobody", func(x *Execution) { x.Expected = &Expected{Comparison: "loosely"} }, "expected_output.comparison"},
		{"judged with less than no tolerance", func(x *Execution) { x.Expected = &Expected{Comparison: "float", Tolerance: -1} }, "expected_output.tolerance"},
		{"a tolerance of words", func(x *Execution) { x.Expected = &Expected{Comparison: "tokens", Tolerance: 1} }, "expected_output.tolerance"},
		{"very much expected", func(x *Execution) { x.Expected = &Expected{Comparison: "exact", Stdout: strings.Repeat("a", 1<<20+1)} }, "expected_output.stdout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := Execution{Priority: Normal, Pool: "default", Input: Input{Script: "1"}, CreatedAt: now}
			tt.ask(&x)
			if wrong := fields(x.Validate(nil)); wrong != tt.wrong {
				t.Errorf("wrong: %q, want %q", wrong, tt.wrong)
			}
		})
	}
}

func TestFeeds(t *testing.T) {
	tests := []struct {
		f     Feed
		wrong string
	}{
		{Feed{Data: []byte("a")}, ""},
		{Feed{Data: []byte("a"), Close: true}, ""},
		{Feed{Close: true}, ""},
		{Feed{Signal: "SIGINT"}, ""},
		{Feed{}, "data"},
		{Feed{Signal: "SIGKILL"}, "signal"}, // the limits are the platform's to enforce, and a cancel ends it
		{Feed{Signal: "INT"}, "signal"},
		{Feed{Signal: "SIGINT", Data: []byte("a")}, "signal"},
		{Feed{Signal: "SIGINT", Close: true}, "signal"},
	}
	for _, tt := range tests {
		if wrong := fields(tt.f.Check()); wrong != tt.wrong {
			t.Errorf("%+v: %q, want %q", tt.f, wrong, tt.wrong)
		}
	}
}

func TestCosts(t *testing.T) {
	at := func(s int) *time.Time { return new(time.Unix(int64(s), 0)) }
	x := Execution{CreatedAt: *at(10)}
	if _, ok := x.QueueSeconds(); ok {
		t.Error("waited, and was never sent")
	}
	if _, ok := x.GiBSeconds(); ok {
		t.Error("cost something, and was not measured")
	}
	x.ScheduledAt = at(15)
	if n, ok := x.QueueSeconds(); n != 5 || !ok {
		t.Errorf("waited %v, %v", n, ok)
	}
	x.NotBefore = at(13)
	if n, _ := x.QueueSeconds(); n != 2 {
		t.Errorf("waited %v from its time on", n)
	}
	x.Limits.MemoryBytes, x.Usage = 512<<20, &Usage{WallSeconds: 4, CompileWall: 2}
	if n, ok := x.GiBSeconds(); n != 3 || !ok {
		t.Errorf("cost %v, %v", n, ok)
	}
}
