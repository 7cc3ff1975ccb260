//go:build linux

package runner

import (
	"bytes"
	"reflect"
	"testing"
)

// Whatever is taken as a job is the same job when it is written and read again,
// and stays in its folder.
func FuzzJob(f *testing.F) {
	for _, j := range []Job{
		{Run: []string{"x"}, Limits: Limits{WallSeconds: 1}},
		{
			Run: []string{"x"}, Compile: []string{"y", ""}, Stdin: []byte("\x00\n"), Env: map[string]string{"A": "b"}, Interactive: true,
			Files:  []File{{"a/b", []byte("\n")}, {"c", []byte{}}},
			Limits: Limits{WallSeconds: 1, CompileSeconds: 2, CPUSeconds: 3, MemoryBytes: 4, CompileMemoryBytes: 5, OutputBytes: 6, OutputCeilingBytes: 7, Processes: 8, OpenFiles: 9, FileBytes: 10, DiskBytes: 11},
		},
	} {
		text, err := EncodeJob(j)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"run":["x"],"files":[{"path":"../x"}],"limits":{"wall_time_seconds":1}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		job, err := readJob(bytes.NewReader(in))
		if err != nil {
			return
		}
		for _, file := range job.Files {
			if !safe(file.Path) {
				t.Errorf("%q", file.Path)
			}
		}
		text, err := EncodeJob(job)
		if err != nil {
			t.Fatal(err)
		}
		again, err := readJob(bytes.NewReader(text))
		if err != nil || len(again.Files) != len(job.Files) || !bytes.Equal(again.Stdin, job.Stdin) || !reflect.DeepEqual(again.Limits, job.Limits) || !reflect.DeepEqual(again.Run, job.Run) {
			t.Errorf("%+v, then %+v, %v", job, again, err)
		}
	})
}
