package client

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// withArtifacts is a server with a run that left files, and the items of its list.
func withArtifacts(files map[string]string, order ...string) (p *platform, items string) {
	p = &platform{answers: map[string]string{}}
	var list []string
	for _, path := range order {
		name, err := json.Marshal(path)
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256([]byte(files[path]))
		list = append(list, fmt.Sprintf(`{"path":%s,"bytes":%d,"sha256":"%s"}`, name, len(files[path]), hex.EncodeToString(sum[:])))
		p.answers[artifactPath("x1", path)] = files[path]
	}
	items = "[" + strings.Join(list, ",") + "]"
	p.answers["/executions/x1/artifacts"] = `{"items":` + items + `,"skipped":2}`
	return p, items
}

// below are the files in dir with their contents.
func below(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		content, err := os.ReadFile(path)
		all[filepath.ToSlash(name)] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestArtifactsAreListedAndDownloaded(t *testing.T) {
	files := map[string]string{"chart.png": "\x89PNG\r\n\x1a\n\x00", "d/ü %2e.txt": "deep\n", "empty": ""}
	p, _ := withArtifacts(files, "chart.png", "d/ü %2e.txt", "empty")
	code, stdout, stderr := do(t, p, "artifacts", "x1")
	want := `
PATH         BYTES  SHA-256
chart.png    9      SUM
d/ü %2e.txt  5      SUM
empty        0      e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
`
	for _, content := range []string{files["chart.png"], "deep\n"} {
		sum := sha256.Sum256([]byte(content))
		want = strings.Replace(want, "SUM", hex.EncodeToString(sum[:]), 1)
	}
	if diff := cmp.Diff(want, "\n"+stdout); code != 0 || diff != "" || stderr != "codesaga: 2 more files were not kept\n" {
		t.Errorf("%d %q %s", code, stderr, diff)
	}
	dir := filepath.Join(t.TempDir(), "new", "folder")
	code, stdout, stderr = do(t, p, "artifacts", "--download", dir, "x1")
	if code != 0 || stdout != "" || stderr != "codesaga: wrote 3 files, 14 bytes, to "+dir+"\n" {
		t.Errorf("%d %q %q", code, stdout, stderr)
	}
	if diff := cmp.Diff(files, below(t, dir)); diff != "" {
		t.Error(diff)
	}
	one := t.TempDir()
	if code, _, stderr := do(t, p, "artifacts", "x1", "d/ü %2e.txt", "--download", one); code != 0 || len(below(t, one)) != 1 {
		t.Errorf("one of them: %d %q %v", code, stderr, below(t, one))
	}
	if code, _, stderr := do(t, p, "artifacts", "x1", "nothing"); code != exitUsage || !strings.Contains(stderr, "there is no nothing") {
		t.Errorf("one that is not there: %d %q", code, stderr)
	}
}

func TestNothingIsOverwrittenUnlessForced(t *testing.T) {
	p, _ := withArtifacts(map[string]string{"a": "new a", "b": "new b"}, "a", "b")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("old a"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := do(t, p, "artifacts", "--download", dir, "x1")
	if got := below(t, dir); code != exitPlatform || got["a"] != "old a" || got["b"] != "new b" || !strings.Contains(stderr, `artifact "a": there is such a file already`) {
		t.Errorf("%d %q %v", code, stderr, got)
	}
	code, _, stderr = do(t, p, "artifacts", "--force", "--download", dir, "x1")
	if diff := cmp.Diff(map[string]string{"a": "new a", "b": "new b"}, below(t, dir)); code != 0 || diff != "" {
		t.Errorf("forced: %d %q %s", code, stderr, diff)
	}
	p.answers[artifactPath("x1", "a")] = "evil!" // as many bytes as were announced, but others
	code, _, stderr = do(t, p, "artifacts", "--force", "--download", dir, "x1")
	if diff := cmp.Diff(map[string]string{"a": "new a", "b": "new b"}, below(t, dir)); code != exitPlatform || diff != "" || !strings.Contains(stderr, "SHA-256") {
		t.Errorf("with other bytes: %d %q %s", code, stderr, diff)
	}
}

func TestNoArtifactLeavesItsFolder(t *testing.T) {
	for _, path := range []string{
		"../out", "../../etc/passwd", "/etc/passwd", "a/../../out", "..", ".", "", "./a", "a//b", "a/", "a/./b", `..\out`, `C:\out`, `a\b`,
		"link/out", "deep/up/out", "abs/out", "file/out", "nul\x00", "line\nbreak", "esc\x1b[2J", "\u202egnp.exe", "c1\u009b2J",
	} {
		t.Run(path, func(t *testing.T) {
			outside := t.TempDir()
			dir := filepath.Join(outside, "in", "side")
			links := map[string]string{"link": "../..", "abs": outside, "deep/up": "../../.."}
			for name, to := range links {
				name = filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(to, name); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, "file"), []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
			p, _ := withArtifacts(map[string]string{path: "evil", "good": "good"}, path, "good")
			for _, force := range []string{"--force=false", "--force"} {
				code, _, stderr := do(t, p, "artifacts", force, "--download", dir, "x1")
				if code != exitPlatform || strings.Count(stderr, "\n") != 2 || strings.ContainsAny(stderr, "\x1b\u009b\u202e") {
					t.Errorf("%s: %d %q", force, code, stderr)
				}
				_ = os.Remove(filepath.Join(dir, "good"))
			}
			for name, content := range below(t, outside) {
				if content == "evil" {
					t.Errorf("wrote %s", name)
				}
			}
		})
	}
}

func TestALinkInTheFolderIsReplacedNotFollowed(t *testing.T) {
	outside, dir := scriptFile(t, "mine", "mine"), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	p, _ := withArtifacts(map[string]string{"link": "evil"}, "link")
	if code, _, stderr := do(t, p, "artifacts", "--download", dir, "x1"); code != exitPlatform || len(below(t, dir)) != 0 {
		t.Errorf("%d %q", code, stderr)
	}
	if code, _, stderr := do(t, p, "artifacts", "--force", "--download", dir, "x1"); code != 0 || below(t, dir)["link"] != "evil" {
		t.Errorf("forced: %d %q", code, stderr)
	}
	if mine, err := os.ReadFile(outside); err != nil || string(mine) != "mine" {
		t.Errorf("what it led to: %q %v", mine, err)
	}
}

func TestRunWritesWhatTheScriptLeft(t *testing.T) {
	p, items := withArtifacts(map[string]string{"a.txt": "abc", "d/b": ""}, "a.txt", "d/b")
	p.frames = []string{ended(`{"id":"x1","status":"completed","result":{"exit_code":0,"artifacts":` + items + `,"artifacts_skipped":1}}`)}
	py := scriptFile(t, "a.py", "1")
	code, _, stderr := do(t, p, "run", py)
	want := "codesaga: files: a.txt (3 bytes), d/b (0 bytes), and 1 that were not kept; get them with: codesaga artifacts --download DIR x1\n"
	if code != 0 || stderr != want {
		t.Errorf("%d %q", code, stderr)
	}
	dir := t.TempDir()
	code, _, stderr = do(t, p, "run", "--out", dir, py)
	if diff := cmp.Diff(map[string]string{"a.txt": "abc", "d/b": ""}, below(t, dir)); code != 0 || diff != "" {
		t.Errorf("%d %q %s", code, stderr, diff)
	}
	if code, _, stderr = do(t, p, "run", "--quiet", "--out", dir, py); code != exitPlatform || !strings.Contains(stderr, "such a file already") {
		t.Errorf("again: %d %q", code, stderr)
	}
	p.frames = []string{ended(`{"id":"x1","status":"failed","result":{"exit_code":3,"artifacts":` + items + `}}`)}
	if code, _, stderr = do(t, p, "run", "--out", dir, py); code != 3 || !strings.Contains(stderr, "such a file already") {
		t.Errorf("of a run that failed: %d %q", code, stderr)
	}
	asked := len(p.asked)
	if code, _, stderr = do(t, p, "run", "--out", py, py); code != exitUsage || len(p.asked) != asked {
		t.Errorf("into no folder: %d %q", code, stderr)
	}
}

func TestLinkToAnArtifact(t *testing.T) {
	p := &platform{answers: map[string]string{"POST /executions/x1/artifacts/links": `{"url":"/api/v1/executions/x1/artifacts/a?expires=1&signature=s","expires_at":"2000-01-01T00:00:00Z"}`}}
	code, stdout, stderr := doUnreal(t, p, "artifacts", "--link", "--expires", "10m", "x1", "d/a")
	if code != 0 || stdout != "http://127.0.0.1:8080/api/v1/executions/x1/artifacts/a?expires=1&signature=s\n" || stderr != "" || p.bodies[0] != `{"path":"d/a","expires_seconds":600}` {
		t.Errorf("%d %q %q %q", code, stdout, stderr, p.bodies)
	}
	for _, args := range []string{"--link x1", "--link x1 a b", "--link --download d x1 a", "--expires 5m x1 a", "--link --expires 0 x1 a"} {
		if code, _, stderr := doUnreal(t, p, append([]string{"artifacts"}, strings.Fields(args)...)...); code != exitUsage {
			t.Errorf("%s: %d %q", args, code, stderr)
		}
	}
}
