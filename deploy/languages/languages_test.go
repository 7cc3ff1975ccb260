package languages

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/codesaga/codesaga/execution"
)

func TestRegistryOfTheBinaryIsRight(t *testing.T) {
	all, err := Read(Files)
	if err != nil || len(all) < 25 {
		t.Fatalf("%d languages, %v", len(all), err)
	}
	for _, l := range all {
		if _, _, err := all.Find(l.ID, ""); err != nil || l.Name == "" || l.Example == "" {
			t.Errorf("%s: default version %v, name %q, example %q", l.ID, err, l.Name, l.Example)
		}
		// What a language asks for by itself must be within what the platform allows.
		got, err := execution.DefaultBounds.Apply(l.Limits, execution.Limits{})
		if err != nil {
			t.Errorf("%s: limits: %v, %+v", l.ID, err, got)
		}
	}
}

// EX-06: the pairs that must be there, whatever comes later.
func TestThePairsOfTheLanguageSetAreThere(t *testing.T) {
	all, err := Read(Files)
	if err != nil {
		t.Fatal(err)
	}
	for language, versions := range map[string]string{
		"python": "3.7 3.8 3.9 3.10 3.11 3.12", "javascript": "18 20 22", "ruby": "3.1 3.2 3.3", "bash": "5.1 5.2 5.3", "go": "1.20 1.21 1.22",
	} {
		for version := range strings.FieldsSeq(versions) {
			l, v, err := all.Find(language, version)
			if err != nil || !strings.HasPrefix(v.Image, "docker.io/library/") {
				t.Errorf("%s %s: %+v, %v", l.ID, version, v, err)
			}
		}
	}
}

const fine = `"file_name":"m","file_extension":".a","run":["a","{file}"],"default_version":"1"`

func TestWhatIsWrongNamesItsFile(t *testing.T) {
	tests := map[string]string{
		`{`:                       "unexpected EOF",
		`{"id":"b"}`:              "not the name of its folder",
		`{"id":"a","colour":1}`:   "unknown field",
		`{"id":"a"}`:              "are needed",
		`{"id":"a",` + fine + `}`: "none of its versions",
		`{"id":"a",` + fine + `,"versions":[{"version":"1"}]}`:                                                                                          "no image",
		`{"id":"a",` + fine + `,"versions":[{"version":"1","image":"a","disabled":true}]}`:                                                              "none of its versions",
		`{"id":"a",` + fine + `,"versions":[{"version":"1","image":"a@sha256:12"}]}`:                                                                    "64 hexadecimal digits",
		`{"id":"a",` + fine + `,"versions":[{"version":"1","image":"a"},{"version":"1","image":"a"}]}`:                                                  "newest comes first",
		`{"id":"a",` + fine + `,"versions":[{"version":"1","image":"a"},{"version":"1.1","image":"a"}]}`:                                                "newest comes first",
		`{"id":"a","file_name":"m","file_extension":".a","run":["a","m"],"default_version":"1","versions":[{"version":"1","image":"a"}]}`:               "where {file} goes",
		`{"id":"a",` + fine + `,"versions":[{"version":"3.10","image":"a"},{"version":"3.9","image":"a"},{"version":"1","image":"a","run":["other"]}]}`: "where {file} goes",
	}
	for text, want := range tests {
		_, err := Read(fstest.MapFS{"a/language.json": {Data: []byte(text)}})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "a/language.json") {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if _, err := Read(fstest.MapFS{}); err == nil {
		t.Error("an empty folder passes")
	}
}

func TestNoTwoLanguagesHaveTheSameName(t *testing.T) {
	language := func(id, alias string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(`{"id":"` + id + `","aliases":["` + alias + `"],` + fine + `,"versions":[{"version":"1","image":"a"}]}`)}
	}
	_, err := Read(fstest.MapFS{"a/language.json": language("a", "x"), "b/language.json": language("b", "x")})
	if err == nil || !strings.Contains(err.Error(), `a and b are both called "x"`) {
		t.Error(err)
	}
	_, err = Read(fstest.MapFS{"a/language.json": language("a", "b"), "b/language.json": language("b", "y")})
	if err == nil {
		t.Error("an alias that is another language's ID passes")
	}
}

func TestFolderOfAnInstallationWins(t *testing.T) {
	base := execution.Languages{{ID: "bash", Name: "ours"}, {ID: "python", Name: "ours"}}
	got, err := Merge(base, execution.Languages{{ID: "zig", Name: "theirs"}, {ID: "bash", Name: "theirs"}})
	if err != nil || len(got) != 3 || got[0].ID != "bash" || got[0].Name != "theirs" || got[1].Name != "ours" || got[2].ID != "zig" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := Merge(base, execution.Languages{{ID: "sh", Aliases: []string{"python"}}}); err == nil {
		t.Error("a name of ours was taken, and nobody says so")
	}
}

func TestWhatOnlyTheDevelopmentClusterHasIsNotOffered(t *testing.T) {
	got := Pullable(execution.Languages{
		{ID: "a", DefaultVersion: "2", Versions: []execution.Version{{Version: "2", LocalImage: "l"}, {Version: "1", Image: "i"}}},
		{ID: "b", DefaultVersion: "2", Versions: []execution.Version{{Version: "2", LocalImage: "l"}, {Version: "1", Image: "i", Disabled: true}}},
	})
	if len(got) != 1 || got[0].ID != "a" || got[0].DefaultVersion != "1" || len(got[0].Versions) != 1 {
		t.Errorf("%+v", got)
	}
}
