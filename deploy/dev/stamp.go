package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// stampName is the file that is written last into a folder of the cache: without it, the folder is half built.
const stampName = ".stamp"

// inputHash is a hash of all that goes into a part: words such as flags, and files, by name and content. A folder
// stands for the files in it.
func inputHash(words, files []string) (string, error) {
	h := sha256.New()
	for _, word := range words {
		fmt.Fprintf(h, "word %d %s\n", len(word), word)
	}
	for _, path := range files {
		err := filepath.WalkDir(path, func(name string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			relative, err := filepath.Rel(filepath.Dir(path), name)
			if err != nil {
				return err
			}
			return hashFile(h, relative, name)
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func hashFile(h io.Writer, as, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	fmt.Fprintf(h, "file %s %d\n", as, info.Size())
	_, err = io.Copy(h, f)
	return err
}

func stamped(dir, hash string) bool {
	stamp, err := os.ReadFile(filepath.Join(dir, stampName))
	return err == nil && strings.TrimSpace(string(stamp)) == hash
}

func stamp(dir, hash string) error {
	return writeFile(filepath.Join(dir, stampName), []byte(hash+"\n"), 0o644)
}
