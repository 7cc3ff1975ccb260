package web

import (
	"mime"
	"net/url"
	"path"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/codesaga/codesaga/execution"
)

// left lets x1 end, with artifacts whose paths and contents are the same.
func left(m *memory, paths ...string) {
	m.set("x1", end)
	m.outputs = map[execution.Stream]string{execution.Artifacts: strings.Join(paths, "")}
	m.set("x1", func(x *execution.Execution) {
		var at int64
		for _, p := range paths {
			x.Output.Artifacts = append(x.Output.Artifacts, execution.Artifact{Path: p, Bytes: int64(len(p)), Position: at, SHA256: "5a"})
			at += int64(len(p))
		}
		x.Output.ArtifactsSkipped = 3
	})
}

// Whatever a script calls its files, they are found under their URLs, and saved
// under a name.
func TestArtifactsWithHostileNames(t *testing.T) {
	names := []string{
		"a.txt", "plots/a.png", "a b", "a?b=c", "a#b", "a%2Fb", "%2e%2e", "..a/b", `a"b\c`, "a;b", "é/ñ", "😀",
		"a\nSet-Cookie: x", "a\r\n\r\nbody", "\x7f", "\xff\xfe", "links", "-rf", "con", strings.Repeat("x", 255),
	}
	s, m, _ := serve(nil)
	left(m, names...)
	page := read[struct {
		Items   []viewArtifact
		Skipped int
	}](t, ask(s, "GET", executions+"/x1/artifacts", ""))
	if len(page.Items) != len(names) || page.Skipped != 3 {
		t.Fatalf("%+v", page)
	}
	for i, item := range page.Items {
		w := ask(s, "GET", item.URL, "")
		h := w.Header()
		if w.Code != 200 || w.Body.String() != names[i] {
			t.Errorf("%q at %s: %d %q", names[i], item.URL, w.Code, w.Body)
			continue
		}
		if h.Get("Content-Type") != "application/octet-stream" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Content-Length") == "" {
			t.Errorf("%q: %v", names[i], h)
		}
		kind, params, err := mime.ParseMediaType(h.Get("Content-Disposition"))
		if want := strings.ToValidUTF8(path.Base(names[i]), "\uFFFD"); err != nil || kind != "attachment" || params["filename"] != want {
			t.Errorf("%q is saved as %q: %v, %v", names[i], params["filename"], h.Get("Content-Disposition"), err)
		}
	}
	for _, none := range []string{"/x1/artifacts/", "/x1/artifacts/plots", "/x1/artifacts/../a.txt", "/x1/artifacts/plots/../a.txt", "/x1/artifacts/plots%2f..%2fa.txt", "/x1/artifacts//a.txt", "/x1/artifacts/A.TXT"} {
		if w := ask(s, "GET", executions+none, ""); w.Code != 404 {
			t.Errorf("%s: %d %s", none, w.Code, w.Body)
		}
	}
}

func TestNoArtifactsBeforeTheEnd(t *testing.T) {
	s, _, _ := serve(nil)
	if w := ask(s, "GET", executions+"/x1/artifacts", ""); w.Code != 200 || w.Body.String() != `{"items":[],"skipped":0}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestSignedLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m, _ := serve(nil)
		left(m, "a b/c", "d")
		w := ask(s, "POST", executions+"/x1/artifacts/links", `{"path":"a b/c","expires_seconds":60}`)
		link := read[struct {
			URL     string
			Expires time.Time `json:"expires_at"`
		}](t, w)
		if in := time.Until(link.Expires); w.Code != 200 || in > time.Minute || in < 59*time.Second {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		anybody := func(url string) int { return ask(s, "GET", url, "", "User", "nobody").Code }
		if w := ask(s, "GET", link.URL, "", "User", "nobody"); w.Code != 200 || w.Body.String() != "a b/c" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%d %q", w.Code, w.Body)
		}
		u, err := url.Parse(link.URL)
		if err != nil {
			t.Fatal(err)
		}
		with := func(change func(q url.Values)) string {
			q := u.Query()
			change(q)
			return u.EscapedPath() + "?" + q.Encode()
		}
		for name, forged := range map[string]string{
			"another file":      strings.Replace(link.URL, "a%20b/c", "d", 1),
			"another execution": strings.Replace(link.URL, "x1", "x2", 1),
			"later":             with(func(q url.Values) { q.Set("expires", "99999999999") }),
			"no time":           with(func(q url.Values) { q.Del("expires") }),
			"another signature": with(func(q url.Values) { q.Set("signature", strings.Repeat("0", 64)) }),
		} {
			if code := anybody(forged); code != 403 {
				t.Errorf("%s: %d", name, code)
			}
		}
		if code := anybody(with(func(q url.Values) { q.Del("signature") })); code != 401 {
			t.Errorf("without a signature: %d", code)
		}
		if code := anybody(executions + "/x1/artifacts?" + u.RawQuery); code != 401 {
			t.Errorf("for the list: %d", code)
		}
		other, n, _ := serve(nil)
		left(n, "a b/c")
		if w := ask(other, "GET", link.URL, "", "User", "nobody"); w.Code != 403 {
			t.Errorf("another process: %d", w.Code)
		}
		time.Sleep(time.Minute)
		if code := anybody(link.URL); code != 403 {
			t.Errorf("after its time: %d", code)
		}
	})
}

func TestLinksThatAreRefused(t *testing.T) {
	for body, want := range map[string]int{
		`{"path":"d"}`: 200, `{"path":"d","expires_seconds":3600}`: 200, `{"path":"d","expires_seconds":3601}`: 422, `{"path":"d","expires_seconds":0}`: 422,
		`{"path":"e"}`: 404, `{}`: 404, `{"path":"d","for":1}`: 400, ``: 400,
	} {
		s, m, _ := serve(nil)
		left(m, "d")
		if w := ask(s, "POST", executions+"/x1/artifacts/links", body); w.Code != want {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}

func FuzzAttachment(f *testing.F) {
	for _, seed := range []string{"a.txt", "é", "\r\n", `"\;%`, "\xff", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		h := attachment(name)
		for _, r := range h {
			if r < ' ' || r > '~' {
				t.Fatalf("%q: %q is no header", name, h)
			}
		}
		_, params, err := mime.ParseMediaType(h)
		if want := strings.ToValidUTF8(name, "\uFFFD"); err != nil || utf8.ValidString(name) && params["filename"] != want {
			t.Errorf("%q: %s is read as %q, %v", name, h, params["filename"], err)
		}
	})
}
