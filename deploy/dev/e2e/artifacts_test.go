package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// download gets a path of the API as somebody who has not signed in.
func download(ctx context.Context, address string) (status int, body []byte, header http.Header, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, body, resp.Header, err
}

// fetchAll gets all artifacts of x, and checks what is said of each.
func (s *story) fetchAll(x execution) map[string]string {
	s.Helper()
	all := map[string]string{}
	for _, a := range x.Result.Artifacts {
		got := s.do(http.MethodGet, a.URL, nil)
		sum := sha256.Sum256(got.body)
		if got.status != http.StatusOK || int64(len(got.body)) != a.Bytes || hex.EncodeToString(sum[:]) != a.SHA256 {
			s.Errorf("%q: %d, %d bytes, %s", a.Path, got.status, len(got.body), jsonOf(a))
		}
		h := got.header
		if h.Get("Content-Type") != "application/octet-stream" || h.Get("X-Content-Type-Options") != "nosniff" {
			s.Errorf("%q: %v", a.Path, h)
		}
		if kind, params, err := mime.ParseMediaType(h.Get("Content-Disposition")); err != nil || kind != "attachment" || params["filename"] != a.Path[strings.LastIndex(a.Path, "/")+1:] {
			s.Errorf("%q: Content-Disposition: %s", a.Path, h.Get("Content-Disposition"))
		}
		all[a.Path] = string(got.body)
	}
	return all
}

// EX-32: what a script leaves is kept, byte for byte, also if it fails, and
// nothing of it is in its output or its stream.
func TestFilesThatAScriptLeavesAreKept(t *testing.T) {
	s := beside(t, time.Minute)
	x := s.submit(python(`
import os, sys
os.makedirs("/out/plots/deep")
open("/out/plots/deep/a.bin", "wb").write(bytes(range(256)) * 300)
open("/out/a b?c#d%2Fe.txt", "w").write("<script>")
open("/out/é", "w").write("ñ")
open("/out/empty", "w")
open("elsewhere", "w").write("not kept")
print("done")
sys.exit(3)
`))
	r := s.follow(s.base, x.ID)
	x = s.ended(x.ID)
	s.checkEnd(r, x)
	if x.verdict() != "failed script_error 3" || x.stdout() != "done\n" || x.Result.ArtifactsSkipped != 0 || len(r.printed) > 1 {
		t.Errorf("%s %q, %d skipped, streamed %d streams; %s", x.verdict(), x.stdout(), x.Result.ArtifactsSkipped, len(r.printed), x.stderr())
	}
	var bin []byte
	for range 300 {
		for i := range 256 {
			bin = append(bin, byte(i))
		}
	}
	want := map[string]string{"plots/deep/a.bin": string(bin), "a b?c#d%2Fe.txt": "<script>", "é": "ñ", "empty": ""}
	got := s.fetchAll(x)
	for path, text := range want {
		if have, ok := got[path]; !ok || have != text {
			t.Errorf("%q: there %t, %d bytes, want %d", path, ok, len(have), len(text))
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d files, want %d: %s", len(got), len(want), jsonOf(x.Result.Artifacts))
	}
	var page struct {
		Items   []artifact
		Skipped int64
	}
	s.into(s.do(http.MethodGet, "/api/v1/executions/"+x.ID+"/artifacts", nil), http.StatusOK, &page)
	if jsonOf(page.Items) != jsonOf(x.Result.Artifacts) {
		t.Errorf("the list differs: %s", jsonOf(page))
	}
	for _, path := range []string{"/artifacts/nothing", "/artifacts/plots", "/artifacts/plots/../é", "/artifacts/..%2f..%2fetc%2fpasswd", "/artifacts/"} {
		s.refuse(s.do(http.MethodGet, "/api/v1/executions/"+x.ID+path, nil), http.StatusNotFound, "")
	}
}

// EX-32: a link works for anybody, for one file, for a while.
func TestASignedLinkIsForOneFile(t *testing.T) {
	s := beside(t, time.Minute)
	x := s.run(python("open('/out/a b.txt', 'w').write('for all')\nopen('/out/other', 'w').write('not')"))
	links := "/api/v1/executions/" + x.ID + "/artifacts/links"
	var link struct {
		URL     string
		Expires time.Time `json:"expires_at"`
	}
	s.into(s.do(http.MethodPost, links, map[string]any{"path": "a b.txt", "expires_seconds": 3}), http.StatusOK, &link)
	for i, base := range the.urls { // whichever process made it
		status, body, header, err := download(s.ctx, base+link.URL)
		if err != nil || status != http.StatusOK || string(body) != "for all" || header.Get("Cache-Control") != "no-store" {
			t.Errorf("web-%d: %d %q %v %v", i+1, status, body, header, err)
		}
	}
	u, err := url.Parse(link.URL)
	if err != nil {
		t.Fatal(err)
	}
	later := u.Query()
	later.Set("expires", fmt.Sprint(time.Now().Add(time.Hour).Unix()))
	for name, forged := range map[string]string{
		"another file": strings.Replace(link.URL, "a%20b.txt", "other", 1), "later": u.EscapedPath() + "?" + later.Encode(), "another signature": link.URL + "0",
	} {
		if status, body, _, err := download(s.ctx, s.base+forged); err != nil || status != http.StatusForbidden {
			t.Errorf("%s: %d %.200s %v", name, status, body, err)
		}
	}
	if status, _, _, err := download(s.ctx, s.base+u.EscapedPath()); err != nil || status != http.StatusUnauthorized {
		t.Errorf("without a signature: %d %v", status, err)
	}
	eventually(t, 10*time.Second, func() (bool, string) {
		status, _, _, err := download(s.ctx, s.base+link.URL)
		return status == http.StatusForbidden && time.Now().After(link.Expires.Add(-time.Second)), fmt.Sprintf("expires at %s: %d %v", link.Expires, status, err)
	})
	s.refuse(s.do(http.MethodPost, links, map[string]any{"path": "a b.txt", "expires_seconds": 3601}), http.StatusUnprocessableEntity, "expires_seconds")
	s.refuse(s.do(http.MethodPost, links, map[string]any{"path": "../secret"}), http.StatusNotFound, "")
}

// EX-32: no more than 32 files, and no more than 10 MiB; the rest is counted.
func TestArtifactsAreCapped(t *testing.T) {
	s := beside(t, time.Minute)
	all := s.runs(
		python("for i in range(40): open(f'/out/{i:02}', 'w').write('x' * i)"),
		python("open('/out/a', 'wb').write(b'a' * 1000)\nopen('/out/b', 'wb').write(b'b' * (10 << 20))\nopen('/out/c', 'wb').write(b'c' * 1000)"),
	)
	if x := all[0]; x.verdict() != "completed 0" || len(x.Result.Artifacts) != 32 || x.Result.ArtifactsSkipped != 8 {
		t.Errorf("40 files: %s, %d kept, %d skipped", x.verdict(), len(x.Result.Artifacts), x.Result.ArtifactsSkipped)
	}
	got := s.fetchAll(all[1])
	if x := all[1]; x.verdict() != "completed 0" || got["a"] != strings.Repeat("a", 1000) || got["b"] != "" || x.Result.ArtifactsSkipped < 1 {
		t.Errorf("12 MB: %s, kept %d, %d skipped", x.verdict(), len(got), x.Result.ArtifactsSkipped)
	}
}

// EX-32: 10 MiB come back whole, and do not cut off who follows the output.
func TestLargeArtifactsComeBackWhole(t *testing.T) {
	s := begin(t, time.Minute)
	x := s.submit(python("import random\nrandom.seed(7)\nopen('/out/large', 'wb').write(random.randbytes(10 << 20))\nprint('written')"))
	f := s.pursue(x.ID, nil)
	x = s.ended(x.ID)
	s.checkEnd(f.wait(), x)
	if f.connections > 0 {
		t.Errorf("the stream was cut %d times", f.connections)
	}
	if got := s.fetchAll(x)["large"]; len(got) != 10<<20 {
		t.Errorf("%d bytes", len(got))
	}
}

// EX-32: no link, and nothing that is not a plain file, brings anything out.
func TestArtifactsFollowNoLinks(t *testing.T) {
	s := beside(t, time.Minute)
	x := s.run(python(`
import os, socket
os.chdir("/out")
os.symlink("/etc/passwd", "passwd")
os.symlink("/proc/1/environ", "environ")
os.symlink("/", "root")
os.symlink("../../etc", "up")
os.symlink("plain", "to-plain")
os.mkdir("d")
os.symlink("..", "d/loop")
os.mkfifo("fifo")
socket.socket(socket.AF_UNIX).bind("socket")
open("plain", "w").write("plain")
open("d/..x", "w").write("dots")
deep = "d"
for _ in range(40):
    deep += "/" + "n" * 100
    os.mkdir(deep)
open(deep + "/f", "w").write("far") if len(deep) < 4000 else None
`))
	got := s.fetchAll(x)
	for path, text := range got {
		if strings.Contains(text, "root:") || path != "plain" && path != "d/..x" && !strings.HasPrefix(path, "d/nnn") {
			t.Errorf("%q came out: %.100q", path, text)
		}
	}
	if x.verdict() != "completed 0" || got["plain"] != "plain" || got["d/..x"] != "dots" || x.Result.ArtifactsSkipped < 6 {
		t.Errorf("%s, %v, %d skipped: %s", x.verdict(), got, x.Result.ArtifactsSkipped, x.stderr())
	}
	if a := s.do(http.MethodGet, "/api/v1/executions/"+x.ID+"/artifacts/passwd", nil); a.status != http.StatusNotFound || bytes.Contains(a.body, []byte("root:")) {
		t.Errorf("%d %.200s", a.status, a.body)
	}
}
