package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// maxLink is how long a link to an artifact may be good for, in seconds.
const maxLink = 3600

// viewArtifact is a file that a script left below /out.
type viewArtifact struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // in hex
	URL    string `json:"url"`
}

func artifactsOf(x execution.Execution) []viewArtifact {
	all := []viewArtifact{}
	if x.Output == nil {
		return all
	}
	for _, a := range x.Output.Artifacts {
		all = append(all, viewArtifact{Path: a.Path, Bytes: a.Bytes, SHA256: a.SHA256, URL: artifactURL(x.ID, a.Path)})
	}
	return all
}

// artifactURL is where an artifact is, relative to the server.
func artifactURL(id execution.ID, p string) string {
	parts := strings.Split(p, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return pathOf(id) + "/artifacts/" + strings.Join(parts, "/")
}

// artifacts lists the files that a script left; before its end there are none.
func (s *Server) artifacts(c *gin.Context) error {
	x, err := s.mine(c)
	if err != nil {
		return err
	}
	var skipped int64
	if x.Output != nil {
		skipped = x.Output.ArtifactsSkipped
	}
	c.JSON(http.StatusOK, gin.H{"items": artifactsOf(x), "skipped": skipped})
	return nil
}

// artifact gives one of them, byte for byte. It is for the disk of whoever asks
// for it, not for their browser.
func (s *Server) artifact(c *gin.Context) error {
	x, err := s.found(c)
	if err != nil {
		return err
	}
	a, err := artifactOf(x, strings.TrimPrefix(c.Param("path"), "/"))
	if err != nil {
		return err
	}
	c.Header("Content-Type", "application/octet-stream")
	c.Header("Content-Disposition", attachment(path.Base(a.Path)))
	c.Header("Content-Length", strconv.FormatInt(a.Bytes, 10))
	c.Status(http.StatusOK)
	w := paced{c.Writer, http.NewResponseController(c.Writer)}
	defer func() { _ = w.ctl.SetWriteDeadline(time.Time{}) }()
	return s.Outputs.Artifact(c.Request.Context(), x.ID, a, w)
}

// found is mine, but for who has a signed link.
func (s *Server) found(c *gin.Context) (execution.Execution, error) {
	if c.GetBool("signed") {
		return s.Executions.Get(c.Request.Context(), execution.ID(c.Param("id")))
	}
	return s.mine(c)
}

func artifactOf(x execution.Execution, p string) (execution.Artifact, error) {
	if x.Output != nil {
		i := slices.IndexFunc(x.Output.Artifacts, func(a execution.Artifact) bool { return a.Path == p })
		if i >= 0 {
			return x.Output.Artifacts[i], nil
		}
	}
	return execution.Artifact{}, execution.Errorf(execution.NotFound, "execution %s has no artifact %q", x.ID, p)
}

// attachment is the header that lets a browser save a file under name, whatever
// is in it (RFC 6266 § 4.1 and appendix D): in ASCII for those that know no
// better, and in the encoding of RFC 8187.
func attachment(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune(`"\%/`, r) {
			return '_'
		}
		return r
	}, name)
	var full strings.Builder
	for _, b := range []byte(strings.ToValidUTF8(name, "\uFFFD")) {
		if b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' || strings.IndexByte("-._~", b) >= 0 {
			full.WriteByte(b)
		} else {
			fmt.Fprintf(&full, "%%%02X", b)
		}
	}
	return fmt.Sprintf(`attachment; filename="%s"; filename*=UTF-8''%s`, plain, full.String())
}

// link makes a URL under which anybody gets one artifact for a while.
func (s *Server) link(c *gin.Context) error {
	var b struct {
		Path           string `json:"path"`
		ExpiresSeconds *int64 `json:"expires_seconds"`
	}
	if err := decode(c, &b, false); err != nil {
		return err
	}
	seconds := int64(maxLink)
	if b.ExpiresSeconds != nil {
		seconds = *b.ExpiresSeconds
	}
	if seconds < 1 || seconds > maxLink {
		return execution.FieldErrors{{Field: "expires_seconds", Rule: fmt.Sprintf("1..%d", maxLink)}}
	}
	x, err := s.mine(c)
	if err != nil {
		return err
	}
	a, err := artifactOf(x, b.Path)
	if err != nil {
		return err
	}
	expires := time.Now().Add(time.Duration(seconds) * time.Second).UTC().Truncate(time.Second)
	until := strconv.FormatInt(expires.Unix(), 10)
	q := url.Values{"expires": {until}, "signature": {s.sign(x.ID, a.Path, until)}}
	c.JSON(http.StatusOK, gin.H{"url": artifactURL(x.ID, a.Path) + "?" + q.Encode(), "expires_at": expires})
	return nil
}

// sign is what shows that a link to an artifact is ours. No two links have the
// same text: of its parts, an ID and a number have no line breaks.
func (s *Server) sign(id execution.ID, p, expires string) string {
	m := hmac.New(sha256.New, s.LinkSecret)
	fmt.Fprintf(m, "artifact\n%s\n%s\n%s", id, expires, p)
	return hex.EncodeToString(m.Sum(nil))
}

// knownOrSigned lets through who has a link that is good, and else asks who it
// is.
func (s *Server) knownOrSigned(c *gin.Context) error {
	given, expires := c.Query("signature"), c.Query("expires")
	if given == "" {
		return s.known(c)
	}
	want := s.sign(execution.ID(c.Param("id")), strings.TrimPrefix(c.Param("path"), "/"), expires)
	until, err := strconv.ParseInt(expires, 10, 64)
	if err != nil || !hmac.Equal([]byte(given), []byte(want)) || time.Now().Unix() >= until {
		return execution.Errorf(execution.Forbidden, "the link is not good, or no longer")
	}
	c.Set("signed", true)
	return nil
}
