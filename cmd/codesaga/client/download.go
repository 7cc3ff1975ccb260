package client

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// download writes artifacts of a run into a folder, and nowhere else: their
// paths are what a script, or a server, chose.
type download struct {
	api   *api
	id    string
	to    *os.Root
	force bool // overwrite files

	files int // that were written
	bytes int64
}

// openFolder makes a folder, if it is missing, and opens it.
func openFolder(dir string) (*os.Root, error) {
	err := os.MkdirAll(dir, 0o755) //nolint:gosec // G301: as mkdir does; the umask is the user's
	if err != nil {
		return nil, usagef("%v", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, usagef("%v", err)
	}
	return root, nil
}

// all writes what can be written. The error is the first of those that came.
func (d *download) all(ctx context.Context, items []artifact) (first error) {
	for _, a := range items {
		err := d.one(ctx, a)
		if err == nil {
			d.files++
			d.bytes += a.Bytes
		} else if first == nil {
			first = fmt.Errorf("artifact %q: %w", a.Path, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return first
}

// summary says what was written to dir.
func (d *download) summary(dir string) string {
	files := "files"
	if d.files == 1 {
		files = "file"
	}
	return fmt.Sprintf("wrote %d %s, %s, to %s", d.files, files, bytesText(d.bytes), dir)
}

// one writes one file. A file that was there is left alone, unless d.force; one
// that did not come as it was announced is removed.
func (d *download) one(ctx context.Context, a artifact) error {
	if !harmless(a.Path) {
		return errors.New("its path is not one that may be written to")
	}
	name := filepath.FromSlash(a.Path)
	if dir := filepath.Dir(name); dir != "." {
		if err := d.to.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	part := name
	if d.force { // what is there stays until what takes its place is
		part += "." + rand.Text() + ".part"
	}
	f, err := d.to.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return errors.New("there is such a file already; --force overwrites it")
	}
	if err != nil {
		return err
	}
	err = d.fetch(ctx, a, f)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil && part != name {
		err = d.to.Rename(part, name)
	}
	if err != nil {
		_ = d.to.Remove(part)
	}
	return err
}

// fetch writes the bytes of a to w and checks them.
func (d *download) fetch(ctx context.Context, a artifact, w io.Writer) error {
	var resp *http.Response
	err := soon(ctx, func() (err error) {
		resp, err = d.api.open(ctx, http.MethodGet, artifactPath(d.id, a.Path), nil) //nolint:bodyclose // it is closed below
		return err
	})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, sum), io.LimitReader(resp.Body, a.Bytes+1))
	switch {
	case err != nil:
		return err
	case n != a.Bytes:
		return fmt.Errorf("it should have %d bytes", a.Bytes)
	case hex.EncodeToString(sum.Sum(nil)) != strings.ToLower(a.SHA256):
		return errors.New("its bytes are not those that the script left: the SHA-256 differs")
	}
	return nil
}

// save writes what the server sends to a file, which must not be there, or to
// stdout if name is -. Of an answer that breaks off, which is an error, no file
// is left: half of one looks like a whole one.
func (c *call) save(ctx context.Context, path, name string) error {
	if name == "-" {
		return c.copyTo(ctx, path, c.Stdout)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // G304: the user names it
	if err != nil {
		return usagef("%v", err)
	}
	err = errors.Join(c.copyTo(ctx, path, f), f.Close())
	if err != nil {
		_ = os.Remove(name)
	}
	return err
}

func (c *call) copyTo(ctx context.Context, path string, to io.Writer) error {
	resp, err := c.api.open(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(to, resp.Body); err != nil {
		return fmt.Errorf("it is incomplete: %w", err)
	}
	return nil
}

// harmless reports whether p is a path below the folder it is written to, on
// every system, that a terminal can show.
func harmless(p string) bool {
	return p != "" && path.Clean(p) == p && filepath.IsLocal(filepath.FromSlash(p)) &&
		!strings.Contains(p, `\`) && !strings.ContainsFunc(p, moves)
}
