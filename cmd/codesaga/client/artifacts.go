package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// artifact is a file that a run left, as the API shows it.
type artifact struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // in hex
}

// left says in words what there is.
func (r *resultView) left() string {
	var names []string
	for _, a := range r.Artifacts[:min(5, len(r.Artifacts))] {
		names = append(names, fmt.Sprintf("%s (%s)", a.Path, bytesText(a.Bytes)))
	}
	if more := len(r.Artifacts) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	if r.ArtifactsSkipped > 0 {
		names = append(names, fmt.Sprintf("and %d that were not kept", r.ArtifactsSkipped))
	}
	return "files: " + strings.Join(names, ", ")
}

// artifactFlags say what to do with artifacts.
type artifactFlags struct {
	dir     string
	force   bool
	link    bool
	expires int64
	json    bool
}

// check reports what does not go together.
func (f artifactFlags) check(paths int) error {
	switch {
	case f.force && f.dir == "":
		return usagef("artifacts: --force needs --download")
	case f.link && (f.dir != "" || paths != 1):
		return usagef("artifacts: --link is for one PATH, and not for --download")
	case f.expires != 0 && !f.link:
		return usagef("artifacts: --expires needs --link")
	}
	return nil
}

// doArtifacts lists what a run left, downloads it, or makes a link to it.
func doArtifacts(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	var f artifactFlags
	fs.StringVar(&f.dir, "download", "", "write the files into the folder `DIR`")
	fs.BoolVar(&f.force, "force", false, "with --download: overwrite files")
	fs.BoolVar(&f.link, "link", false, "print a URL under which anybody gets the file PATH for a while")
	fs.Func("expires", "with --link: `TIME` that it is good for, such as 10m (default an hour, the most)", amount(&f.expires, parseSeconds, "whole seconds, such as 10m or 600"))
	fs.BoolVar(&f.json, "json", false, jsonHelp)
	rest, err := c.parseMixed(fs, args, 1, 1+maxFiles)
	if err != nil {
		return err
	}
	id, wanted := rest[0], rest[1:]
	if err := f.check(len(wanted)); err != nil {
		return err
	}
	if f.link {
		return c.link(ctx, id, wanted[0], f)
	}
	var raw json.RawMessage
	if err := c.api.get(ctx, executionPath(id, "/artifacts"), &raw); err != nil {
		return err
	}
	var p struct {
		Items   []artifact `json:"items"`
		Skipped int64      `json:"skipped"`
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return fmt.Errorf("artifacts: %w", err)
	}
	items, err := choose(p.Items, wanted)
	if err != nil {
		return err
	}
	switch {
	case f.json:
		err = c.printJSON(raw)
	case f.dir == "":
		err = c.printArtifacts(items, p.Skipped)
	}
	if err != nil || f.dir == "" {
		return err
	}
	return c.download(ctx, id, items, f.dir, f.force)
}

// link prints a URL of one artifact that needs no login.
func (c *call) link(ctx context.Context, id, path string, f artifactFlags) error {
	body := struct {
		Path    string `json:"path"`
		Expires int64  `json:"expires_seconds,omitempty"`
	}{path, f.expires}
	var raw json.RawMessage
	if err := c.send(ctx, http.MethodPost, executionPath(id, "/artifacts/links"), body, &raw); err != nil {
		return err
	}
	if f.json {
		return c.printJSON(raw)
	}
	var made struct {
		URL string `json:"url"`
	}
	if err := json.Unmarshal(raw, &made); err != nil || !strings.HasPrefix(made.URL, "/") {
		return fmt.Errorf("the answer has no link: %s", raw[:min(200, len(raw))])
	}
	return c.printf("%s\n", oneLine(c.api.base+made.URL))
}

// choose finds the artifacts that were named; all, if none were.
func choose(items []artifact, wanted []string) ([]artifact, error) {
	if len(wanted) == 0 {
		return items, nil
	}
	var chosen []artifact
	for _, path := range wanted {
		i := slices.IndexFunc(items, func(a artifact) bool { return a.Path == path })
		if i < 0 {
			return nil, usagef("artifacts: there is no %s", path)
		}
		chosen = append(chosen, items[i])
	}
	return chosen, nil
}

func (c *call) printArtifacts(items []artifact, skipped int64) error {
	rows := [][]string{{"PATH", "BYTES", "SHA-256"}}
	for _, a := range items {
		rows = append(rows, []string{a.Path, fmt.Sprint(a.Bytes), a.SHA256})
	}
	if err := c.printTable(rows); err != nil {
		return err
	}
	if skipped > 0 {
		c.screen(false).note(fmt.Sprintf("%d more files were not kept", skipped))
	}
	return nil
}

func (c *call) download(ctx context.Context, id string, items []artifact, dir string, force bool) error {
	folder, err := openFolder(dir)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	d := download{api: c.api, id: id, to: folder, force: force}
	err = d.all(ctx, items)
	c.screen(false).note(d.summary(dir))
	return err
}

// artifactPath is where the bytes of an artifact are.
func artifactPath(id, path string) string {
	parts := strings.Split(path, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return executionPath(id, "/artifacts/"+strings.Join(parts, "/"))
}
