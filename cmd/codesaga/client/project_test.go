package client

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// folder makes files, by their paths, in a folder of the test's own.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSubmissionOfAProject(t *testing.T) {
	dir := folder(t, map[string]string{"src/main.py": "import lib", "lib.py": "\xff", ".git/config": "x", ".env": "secret", "src/.hidden": "x", "expect": "1\n", "other.py": "2"})
	if err := os.Symlink("../lib.py", filepath.Join(dir, "src", "link.py")); err != nil {
		t.Fatal(err)
	}
	expect := filepath.Join(dir, "expect")
	const all = `{"path":"expect","content_base64":"MQo="},{"path":"lib.py","content_base64":"/w=="},{"path":"other.py","content_base64":"Mg=="},` +
		`{"path":"src/link.py","content_base64":"/w=="},{"path":"src/main.py","content_base64":"aW1wb3J0IGxpYg=="}`
	tests := []struct{ args, want string }{
		{"--dir D --entry src/main.py a b", `{"language":"python","entry_point":"src/main.py","args":["a","b"],"files":[` + all + `]}`},
		{"--dir D --entry ./src//main.py -- --dir", `{"language":"python","entry_point":"src/main.py","args":["--dir"],"files":[` + all + `]}`},
		{"--dir D D/other.py a", `{"language":"python","script":"2","args":["a"],"files":[` + all + `]}`},
		{"--entry m.py --file D/other.py:m.py --file D/lib.py", `{"language":"python","entry_point":"m.py","files":[{"path":"m.py","content_base64":"Mg=="},{"path":"lib.py","content_base64":"/w=="}]}`},
		{"--cpu-seconds 5 --open-files 32 --file-size 1Mi --processes 8 --disk 2Mi D/other.py",
			`{"language":"python","script":"2","limits":{"processes":8,"disk_bytes":2097152,"cpu_seconds":5,"open_files":32,"file_bytes":1048576}}`},
		{"--egress 192.0.2.0/24:443,80 --egress 2001:db8::/32 --egress fd00::/8:53 D/other.py",
			`{"language":"python","script":"2","network":{"egress":[{"cidr":"192.0.2.0/24","ports":[443,80]},{"cidr":"2001:db8::/32"},{"cidr":"fd00::/8","ports":[53]}]}}`},
		{"--retry 3 --retry-on-loss --callback https://example.com/x D/other.py",
			`{"language":"python","script":"2","retry":{"max_attempts":3,"on_loss":true},"callback_url":"https://example.com/x"}`},
		{"--at 2030-01-01T01:00:00+01:00 D/other.py", `{"language":"python","script":"2","scheduled_at":"2030-01-01T00:00:00Z"}`},
		{"--at 90m D/other.py", `{"language":"python","script":"2","scheduled_at":"2000-01-01T01:30:00Z"}`},
		{"--expect D/expect D/other.py", `{"language":"python","script":"2","expected_output":{"stdout":"1\n","comparison":"trim"}}`},
		{"--expect D/expect --comparison float --tolerance 0.01 D/other.py", `{"language":"python","script":"2","expected_output":{"stdout":"1\n","comparison":"float","tolerance":0.01}}`},
		{"--detach -i D/other.py", `{"language":"python","script":"2","interactive":true}`},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &platform{frames: []string{ended(completed(0, 0))}}
				var stderr bytes.Buffer
				args := append([]string{"run"}, strings.Fields(strings.ReplaceAll(strings.ReplaceAll(tt.args, "D/", dir+"/"), " D ", " "+dir+" "))...)
				code := Run(t.Context(), args, IO{Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: &stderr, transport: p})
				if code != 0 || len(p.bodies) != 1 {
					t.Fatalf("%d %q after %q", code, &stderr, p.asked)
				}
				if diff := cmp.Diff(tt.want, p.bodies[0]); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
	if got, err := os.ReadFile(expect); err != nil || string(got) != "1\n" {
		t.Error(err)
	}
}

func TestProjectsThatAreNotSent(t *testing.T) {
	good := folder(t, map[string]string{"main.py": "1"})
	many := map[string]string{"main.py": "1"}
	for i := range maxFiles {
		many["d/"+strings.Repeat("x", i+1)] = ""
	}
	leaves, pipe := folder(t, map[string]string{"main.py": "1"}), folder(t, map[string]string{"main.py": "1"})
	if err := os.Symlink(good, filepath.Join(leaves, "outside")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(pipe, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	py := filepath.Join(good, "main.py")
	tests := []struct{ args, want string }{
		{"--dir " + good + " --entry other.py", "the entry point other.py is none of the 1 files"},
		{"--dir " + good + " --entry ../main.py", "is none of the 1 files"},
		{"--entry main.py", "is none of the 0 files"},
		{"--dir " + good, "which script"},
		{"--dir " + folder(t, many) + " --entry main.py", "more than 32 files"},
		{"--dir /nowhere --entry main.py", "no such file"},
		{"--dir " + py + " --entry main.py", "not a directory"},
		{"--dir " + leaves + " --entry main.py", "outside"},
		{"--dir " + pipe + " --entry main.py", "pipe is no plain file"},
		{"--egress 192.0.2.1 " + py, "must be CIDR"},
		{"--egress 192.0.2.0/24:0 " + py, "must be CIDR"},
		{"--egress 192.0.2.0/24: " + py, "must be CIDR"},
		{"--egress 192.0.2.0/24:99999 " + py, "must be CIDR"},
		{"--retry 0 " + py, "number of attempts"},
		{"--retry-on-loss " + py, "needs --retry"},
		{"--at tomorrow " + py, "must be a time"},
		{"--at -5m " + py, "must be a time"},
		{"--comparison exact " + py, "need --expect"},
		{"--expect /nowhere " + py, "no such file"},
		{"-i --stdin - " + py, "exclude each other"},
		{"-i --retry 2 " + py, "exclude each other"},
		{"-i --language python -", "stdin cannot be"},
		{"--force " + py, "--force needs --out"},
		{"--detach --out " + good + " " + py, "exclude each other"},
		{"--open-files 0 " + py, "a whole number"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			p := &platform{}
			code, stdout, stderr := do(t, p, append([]string{"run"}, strings.Fields(tt.args)...)...)
			if code != exitUsage || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, tt.want) || len(p.asked) > 0 {
				t.Errorf("%d %q %q, sent %q, want 2 and %q", code, stdout, stderr, p.asked, tt.want)
			}
		})
	}
}
