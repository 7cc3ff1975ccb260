package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestStampChangesWithEveryInput(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "go.mod")
	write(t, file, "one")
	hash := func(words ...string) string {
		t.Helper()
		h, err := inputHash(words, []string{file})
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	first := hash("flag")
	if hash("flag") != first {
		t.Error("the same inputs gave another hash")
	}
	if hash("fla", "g") == first || hash("other") == first {
		t.Error("other words gave the same hash")
	}
	write(t, file, "two")
	if hash("flag") == first {
		t.Error("other content gave the same hash")
	}
}

func TestFolderStandsForItsFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a"), "1")
	before, _ := inputHash(nil, []string{dir})
	if err := os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	if after, _ := inputHash(nil, []string{dir}); after == before {
		t.Error("a file was renamed, and the hash is the same")
	}
}

func TestMissingInputIsAnError(t *testing.T) {
	if _, err := inputHash(nil, []string{filepath.Join(t.TempDir(), "none")}); err == nil {
		t.Error("no error")
	}
}

func TestOnlyTheStampMakesAFolderWhole(t *testing.T) {
	dir := t.TempDir()
	if stamped(dir, "h") {
		t.Error("stamped before it was")
	}
	if err := stamp(dir, "h"); err != nil {
		t.Fatal(err)
	}
	if !stamped(dir, "h") || stamped(dir, "other") {
		t.Error("not stamped with h and nothing else")
	}
}

// The versions are read out of the files they are pinned in: a file that changes its shape must not go unnoticed.
func TestEveryRecipeHasAVersionAndItsInputs(t *testing.T) {
	for _, r := range recipes {
		if version, err := r.version("."); err != nil || version == "" {
			t.Errorf("%s: %q, %v", r.Name, version, err)
		}
		if _, err := inputHash(r.Words, r.Inputs); err != nil {
			t.Errorf("%s: %v", r.Name, err)
		}
	}
}

func TestJavaMajor(t *testing.T) {
	for text, want := range map[string]int{
		"openjdk version \"17.0.15\" 2025-04-15\n": 17, "java version \"1.8.0_1\"": 1, "openjdk version \"21\" x": 21, "nothing": 0,
	} {
		if got := javaMajor(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}
