package client

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// maxFiles is what the server takes. A folder of more is most often the wrong
// one: none of it is read.
const maxFiles = 32

// file is one that lies beside the script, or is it.
type file struct {
	Path    string `json:"path"`
	Content []byte `json:"content_base64"`

	local string
}

// addFile notes what to send; a path is behind the last colon.
func (s *submission) addFile(arg string) error {
	f := file{local: arg, Path: path.Base(filepath.ToSlash(arg))}
	if i := strings.LastIndexByte(arg, ':'); i >= 0 {
		f.local, f.Path = arg[:i], arg[i+1:]
	}
	if f.local == "" || f.Path == "" {
		return errors.New("must be LOCAL or LOCAL:PATH")
	}
	s.Files = append(s.Files, f)
	return nil
}

// loadFiles reads the files that were named, and those of the folder, and looks
// for the entry point among them.
func (s *submission) loadFiles(stdin io.Reader) (err error) {
	for i := range s.Files {
		if s.Files[i].Content, err = readAll(stdin, s.Files[i].local); err != nil {
			return err
		}
	}
	if s.dir != "" {
		more, err := project(s.dir)
		if err != nil {
			return err
		}
		s.Files = append(s.Files, more...)
	}
	if len(s.Files) > maxFiles {
		return usagef("%d files, and %d is the most", len(s.Files), maxFiles)
	}
	if s.EntryPoint == "" {
		return nil
	}
	s.EntryPoint = path.Clean(filepath.ToSlash(s.EntryPoint))
	for _, f := range s.Files {
		if f.Path == s.EntryPoint {
			return nil
		}
	}
	return usagef("the entry point %s is none of the %d files", s.EntryPoint, len(s.Files))
}

// project reads the files of a folder, but those with a dot in front. Links are
// followed as long as they do not leave the folder.
func project(dir string) ([]file, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, usagef("--dir: %v", err)
	}
	defer func() { _ = root.Close() }()
	var paths []string
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(d.Name(), ".") && name != ".":
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		}
		if paths = append(paths, name); len(paths) > maxFiles {
			return fmt.Errorf("there are more than %d files", maxFiles)
		}
		return nil
	})
	if err != nil {
		return nil, usagef("--dir %s: %v", dir, err)
	}
	files := make([]file, len(paths))
	for i, name := range paths {
		if files[i], err = member(root, name); err != nil {
			return nil, usagef("--dir %s: %v", dir, err)
		}
	}
	return files, nil
}

// member reads one file of a folder.
func member(root *os.Root, name string) (file, error) {
	info, err := root.Stat(name) // not of what is opened: to open a pipe would wait for its writer
	if err != nil {
		return file{}, err
	}
	if !info.Mode().IsRegular() {
		return file{}, fmt.Errorf("%s is no plain file", name)
	}
	f, err := root.Open(name)
	if err != nil {
		return file{}, err
	}
	defer func() { _ = f.Close() }()
	content, err := readSome(f, name)
	return file{Path: name, Content: content}, err
}

// name is what the language is told by.
func (s *submission) name(args []string) string {
	if s.EntryPoint != "" {
		return s.EntryPoint
	}
	return args[0]
}
