//go:build linux

package runner

import (
	"errors"
	"fmt"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// write writes files below dir, which nothing leads out of: os.Root follows no
// link that does. What is there already is not written over.
func write(dir string, files []File) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("write files: %w", err)
	}
	defer root.Close() //nolint:errcheck // a folder
	for _, f := range files {
		if err := writeOne(root, f); err != nil {
			return fmt.Errorf("write files: %w", err)
		}
	}
	return nil
}

func writeOne(root *os.Root, f File) error {
	if err := root.MkdirAll(path.Dir(f.Path), 0o755); err != nil {
		return err
	}
	file, err := root.OpenFile(f.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(f.Content)
	return errors.Join(err, file.Close())
}
