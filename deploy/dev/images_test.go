package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func refs(images []*Image) (all []string) {
	for _, i := range images {
		all = append(all, strings.TrimPrefix(i.Ref, localRegistry))
	}
	return all
}

func here(t *testing.T) Dirs {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dirsAt(t.TempDir(), t.TempDir(), root)
}

// Whether each can be built only building it shows; that the data is whole is seen at once.
func TestRecipesOfTheLanguagesAreWhole(t *testing.T) {
	all, err := allImages(here(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if _, _, err := i.target(here(t)); err != nil || len(i.Command) == 0 {
			t.Errorf("%s: %v", i.Ref, err)
		}
		if len(i.For) == 0 && i.Name != "pause" && i.Name != "static" {
			t.Errorf("%s is for no language", i.Ref)
		}
	}
	if first := refs(firstImages(all)); !slices.Equal(first, []string{"pause:1", "static:1", "bash:5.2", "python:3.11"}) {
		t.Errorf("up would build %q", first)
	}
}

func TestImagesAreChosenByLanguageAndByVersion(t *testing.T) {
	all := []*Image{{Ref: "codesaga.local/gcc:12", For: []string{"c", "cpp"}}, {Ref: "codesaga.local/gcc:14", For: []string{"c"}}, {Ref: "codesaga.local/ruby:3.1", For: []string{"ruby"}}}
	for names, want := range map[string]string{"c cpp": "gcc:12 gcc:14", "cpp": "gcc:12", "gcc:14 ruby": "gcc:14 ruby:3.1", "perl": ""} {
		got, err := chosen(all, strings.Fields(names))
		if strings.Join(refs(got), " ") != want || (err != nil) != (want == "") {
			t.Errorf("%s: %q, %v", names, refs(got), err)
		}
	}
}

func TestImagesStandOnOneAnotherAndOnTheBaseOfTheirSuite(t *testing.T) {
	all, err := arrange([]imageRecipe{
		{Ref: "codesaga.local/elixir:1", From: "codesaga.local/erlang:25"},
		{Ref: "codesaga.local/erlang:25"},
		{Ref: "codesaga.local/ruby:3", Suite: "trixie"},
	}, ".")
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range []string{"debian-bookworm erlang-25 elixir-1", "debian-bookworm erlang-25", "debian-trixie ruby-3"} {
		var names []string
		for _, i := range all[n].chain() {
			names = append(names, i.Name)
		}
		if strings.Join(names, " ") != want {
			t.Errorf("%q, want %s", names, want)
		}
	}
	for want, recipes := range map[string][]imageRecipe{
		"no image":         {{Ref: "codesaga.local/a:1", From: "codesaga.local/b:1"}},
		"stands on itself": {{Ref: "codesaga.local/a:1", From: "codesaga.local/b:1"}, {Ref: "codesaga.local/b:1", From: "codesaga.local/a:1"}},
		"two":              {{Ref: "codesaga.local/a:1"}, {Ref: "codesaga.local/a:1"}},
	} {
		if _, err := arrange(recipes, "."); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestAChangeBelowMakesAnImageAnew(t *testing.T) {
	dirs := here(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "script")
	write(t, file, "one")
	below := &Image{Name: "below", Inputs: []string{file}}
	above := &Image{Name: "above", From: below}
	_, before, _ := above.target(dirs)
	write(t, file, "two")
	if _, after, err := above.target(dirs); err != nil || after == before {
		t.Errorf("%s %s %v", before, after, err)
	}
}

func TestARecipeThatIsWrongNamesItsFile(t *testing.T) {
	for text, want := range map[string]string{
		`[{"ref": "codesaga.local/a"}]`:                   "NAME:TAG",
		`[{"ref": "docker.io/library/a:1"}]`:              "NAME:TAG",
		`[{"ref": "codesaga.local/a:1", "packages": []}]`: "unknown field",
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "a", "image.json"), text)
		if _, err := languageImages(dir, "."); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "a/image.json") {
			t.Errorf("%s: %v", text, err)
		}
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a", "language.json"), `{"id":"a","versions":[{"version":"1","local_image":"codesaga.local/a:1"}]}`)
	if _, err := languageImages(dir, "."); err == nil || !strings.Contains(err.Error(), "no recipe for codesaga.local/a:1") {
		t.Error(err)
	}
}
