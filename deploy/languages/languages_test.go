package languages

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/codesaga/codesaga/execution"
)

func TestRegistryOfTheBinaryIsRight(t *testing.T) {
	all, err := Read(Files)
	if err != nil || len(all) < 2 {
		t.Fatalf("%v, %v", all, err)
	}
	for _, l := range all {
		if _, _, err := all.Find(l.ID, ""); err != nil || l.Name == "" || l.Example == "" {
			t.Errorf("%s: default version %v, name %q, example %q", l.ID, err, l.Name, l.Example)
		}
	}
}

func TestWhatIsWrongNamesItsFile(t *testing.T) {
	tests := map[string]string{
		`{`:                     "unexpected EOF",
		`{"id":"b"}`:            "not the name of its folder",
		`{"id":"a","colour":1}`: "unknown field",
		`{"id":"a"}`:            "are needed",
		`{"id":"a","file_name":"m","file_extension":".a","run":["a"],"default_version":"1"}`:                              "none of its versions",
		`{"id":"a","file_name":"m","file_extension":".a","run":["a"],"default_version":"1","versions":[{"version":"1"}]}`: "no image",
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

func TestFolderOfAnInstallationWins(t *testing.T) {
	base := execution.Languages{{ID: "bash", Name: "ours"}, {ID: "python", Name: "ours"}}
	got := Merge(base, execution.Languages{{ID: "zig", Name: "theirs"}, {ID: "bash", Name: "theirs"}})
	if len(got) != 3 || got[0].ID != "bash" || got[0].Name != "theirs" || got[1].Name != "ours" || got[2].ID != "zig" {
		t.Errorf("%+v", got)
	}
}
