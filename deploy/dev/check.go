package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A language is what a check needs of deploy/languages/LANGUAGE/language.json.
type language struct {
	ID       string
	Ext      string            `json:"file_extension"`
	FileName string            `json:"file_name"`
	Compile  []string          `json:"compile"`
	Run      []string          `json:"run"`
	Env      map[string]string `json:"env"`
	Default  string            `json:"default_version"`
	Example  string            `json:"example"`
	Versions []struct {
		Version string            `json:"version"`
		Image   string            `json:"image"`
		Local   string            `json:"local_image"`
		Compile []string          `json:"compile"`
		Run     []string          `json:"run"`
		Env     map[string]string `json:"env"`
	}
}

// A check is a case of deploy/languages/LANGUAGE/testdata/cases.json, as far as it can be tried without a cluster.
type check struct {
	Name         string
	Script       string
	Folder       string
	Files        map[string]string
	EntryPoint   string `json:"entry_point"`
	Args         []string
	Stdin        string
	Env          map[string]string
	Limits       map[string]int64
	Versions     []string
	EveryVersion bool `json:"every_version"`
	Expect       struct {
		Verdict         string
		Stdout          *string
		StdoutBytes     int `json:"stdout_bytes"`
		Stderr          *string
		StderrContains  string `json:"stderr_contains"`
		CompileContains string `json:"compile_output_contains"`
	}
}

// checkCommand runs the conformance scripts in the images that are built, or in those that names name.
func checkCommand(ctx context.Context, dirs Dirs, names []string) error {
	images, err := allImages(dirs)
	if err != nil {
		return err
	}
	some := images
	if len(names) > 0 {
		if some, err = chosen(images, names); err != nil {
			return err
		}
	}
	languages, err := readLanguages(dirs.languages())
	if err != nil {
		return err
	}
	failed := 0
	for _, l := range languages {
		n, err := l.check(ctx, dirs, some)
		if err != nil {
			return fmt.Errorf("%s: %w", l.ID, err)
		}
		failed += n
	}
	if failed > 0 {
		return fmt.Errorf("%d failed", failed)
	}
	return nil
}

// check runs the cases of l and returns how many failed.
func (l language) check(ctx context.Context, dirs Dirs, images []*Image) (failed int, err error) {
	dir := filepath.Join(dirs.languages(), l.ID)
	var all struct{ Cases []check }
	if err := readJSON(filepath.Join(dir, "testdata", "cases.json"), &all); err != nil {
		return 0, err
	}
	for n, v := range l.Versions {
		for _, i := range images {
			if i.Ref != v.Local {
				continue
			}
			if done, err := i.built(dirs); err != nil || !done {
				continue
			}
			for _, c := range all.Cases {
				if c.Limits != nil || !c.isFor(v.Version, l.Default) {
					continue
				}
				began := time.Now()
				wrong, err := l.try(ctx, dirs, i, n, c, dir)
				if err != nil {
					return failed, err
				}
				if wrong == "" {
					fmt.Printf("ok    %s %s %s, %s\n", l.ID, v.Version, c.Name, elapsed(time.Since(began)))
					continue
				}
				failed++
				fmt.Printf("FAIL  %s %s %s: %s\n", l.ID, v.Version, c.Name, wrong)
			}
		}
	}
	return failed, nil
}

// isFor says whether c is run with a version: those that it names, all, or the default one.
func (c check) isFor(version, byDefault string) bool {
	if len(c.Versions) > 0 {
		for _, v := range c.Versions {
			if v == version {
				return true
			}
		}
		return false
	}
	return c.EveryVersion || version == byDefault
}

// try runs c and says what is wrong; an error is one of ours.
func (l language) try(ctx context.Context, dirs Dirs, i *Image, version int, c check, dir string) (wrong string, err error) {
	folder, err := os.MkdirTemp("", "codesaga-check-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(folder)
	if err := os.Chmod(folder, 0o755); err != nil {
		return "", err
	}
	entry := c.EntryPoint
	if entry == "" {
		entry = l.FileName
	}
	for _, name := range []string{"work", "tmp"} {
		if err := os.Mkdir(filepath.Join(folder, name), 0o755); err != nil {
			return "", err
		}
	}
	work := filepath.Join(folder, "work")
	if err := c.lay(dir, work, entry); err != nil {
		return "", err
	}
	if out, err := exec.CommandContext(ctx, "chown", "-R", imageUser, work, filepath.Join(folder, "tmp")).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	e := entered{dirs: dirs, image: i, folder: folder, env: map[string]string{
		"PATH": imagePath, "HOME": "/work", "LANG": "C.UTF-8", "TMPDIR": "/tmp",
	}}
	v := l.Versions[version]
	for _, some := range []map[string]string{l.Env, v.Env, c.Env} {
		for name, value := range some {
			e.env[name] = value
		}
	}
	fill := strings.NewReplacer("{file}", entry, "{dir}", path.Dir(entry), "{base}", strings.TrimSuffix(path.Base(entry), path.Ext(entry)))
	compile, run := l.Compile, l.Run
	if len(v.Compile) > 0 {
		compile = v.Compile
	}
	if len(v.Run) > 0 {
		run = v.Run
	}
	if len(compile) > 0 {
		out, errs, code, err := e.run(ctx, filled(fill, compile), "")
		if err != nil {
			return "", err
		}
		if c.Expect.Verdict == "failed compile_error" {
			return c.compareCompile(out+errs, code), nil
		}
		if code != 0 {
			return fmt.Sprintf("compile: exit code %d: %s%s", code, out, errs), nil
		}
	}
	out, errs, code, err := e.run(ctx, append(filled(fill, run), c.Args...), c.Stdin)
	if err != nil {
		return "", err
	}
	return c.compare(out, errs, code, v.Version), nil
}

func filled(fill *strings.Replacer, argv []string) (all []string) {
	for _, a := range argv {
		all = append(all, fill.Replace(a))
	}
	return all
}

// lay puts the files of c into the work folder.
func (c check) lay(dir, work, entry string) error {
	if c.Script != "" {
		return copyFile(filepath.Join(dir, "testdata", c.Script), filepath.Join(work, entry), 0o644)
	}
	if err := copyTree(filepath.Join(dir, "testdata", c.Folder), work, nil); err != nil {
		return err
	}
	for name, text := range c.Files {
		if err := writeFile(filepath.Join(work, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (c check) compareCompile(said string, code int) string {
	if code == 0 || !strings.Contains(said, c.Expect.CompileContains) {
		return fmt.Sprintf("the compiler ends with %d and says %q, without %q", code, said, c.Expect.CompileContains)
	}
	return ""
}

func (c check) compare(out, errs string, code int, version string) string {
	got := fmt.Sprintf("failed script_error %d", code)
	if code == 0 {
		got = "completed 0"
	}
	x := c.Expect
	switch {
	case got != x.Verdict:
		return fmt.Sprintf("%s, want %s; stdout %.300q, stderr %.600q", got, x.Verdict, out, errs)
	case x.Stdout != nil && out != strings.ReplaceAll(*x.Stdout, "{version}", version):
		return fmt.Sprintf("stdout %.600q, want %q; stderr %.300q", out, *x.Stdout, errs)
	case x.Stderr != nil && errs != *x.Stderr:
		return fmt.Sprintf("stderr %.600q, want %q", errs, *x.Stderr)
	case x.StdoutBytes != 0 && len(out) != x.StdoutBytes:
		return fmt.Sprintf("%d bytes on stdout, want %d: %.100q", len(out), x.StdoutBytes, out)
	case !strings.Contains(errs, x.StderrContains):
		return fmt.Sprintf("stderr %.600q, without %q", errs, x.StderrContains)
	}
	return ""
}

// entered is an image whose programs can be run.
type entered struct {
	dirs   Dirs
	image  *Image
	folder string
	env    map[string]string
}

const checkLasts = 2 * time.Minute // at most

func (e entered) run(ctx context.Context, argv []string, stdin string) (out, errs string, code int, err error) {
	dev, err := e.dirs.Dev()
	if err != nil {
		return "", "", 0, err
	}
	var layers, settings []string
	for _, link := range e.image.chain() {
		layers = append([]string{filepath.Join(e.dirs.Cache, "image-"+link.Name, treeName)}, layers...)
	}
	for name, value := range e.env {
		settings = append(settings, name+"="+value)
	}
	ctx, stop := context.WithTimeout(ctx, checkLasts)
	defer stop()
	cmd := exec.CommandContext(ctx, "unshare", append([]string{"--mount", "--pid", "--fork", "--kill-child", "--net", "sh", filepath.Join(dev, "images/debian/enter.sh")}, argv...)...)
	cmd.Env = append(os.Environ(), "LAYERS="+strings.Join(layers, ":"), "FOLDER="+e.folder, "SETTINGS="+strings.Join(settings, "\n"))
	// A file, for nobody may open /dev/stdin if that is a pipe of ours.
	path := filepath.Join(e.folder, "stdin")
	if err := os.WriteFile(path, []byte(stdin), 0o644); err != nil {
		return "", "", 0, err
	}
	file, err := os.Open(path)
	if err != nil {
		return "", "", 0, err
	}
	defer file.Close()
	cmd.Stdin = file
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		err = ctx.Err()
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode(), err
}

// readLanguages reads all language.json below dir.
func readLanguages(dir string) (all []language, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*", "language.json"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		var l language
		if err := readJSON(path, &l); err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

func readJSON(path string, v any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
