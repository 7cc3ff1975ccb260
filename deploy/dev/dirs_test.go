package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFoldersFollowXDG(t *testing.T) {
	for _, row := range []struct{ own, xdg, home, want string }{
		{"", "", "/home/a", "/home/a/.local/state/codesaga/dev"},
		{"", "/x", "/home/a", "/x/codesaga/dev"},
		{"", "relative", "/home/a", "/home/a/.local/state/codesaga/dev"}, // the specification: ignore it
		{"/own", "/x", "/home/a", "/own"},
		{"", "", "", ""},
	} {
		got, err := folder(row.own, row.xdg, row.home, ".local/state", "codesaga/dev")
		if got != row.want || (err != nil) != (row.want == "") {
			t.Errorf("%+v: %q, %v", row, got, err)
		}
	}
}

func TestStatesDoNotShareNodeAndCgroup(t *testing.T) {
	a, b := dirsAt("/a", "/c", ""), dirsAt("/b", "/c", "")
	if a.Node == b.Node || a.Shims == b.Shims || a.Cgroup == b.Cgroup {
		t.Errorf("%+v %+v", a, b)
	}
	// containerd accepts at most 38 bytes.
	if len(a.Shims) > 38 {
		t.Errorf("%s is too long", a.Shims)
	}
}

func TestRootIsTheProductsModuleAndNoNestedOne(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "go.mod"), "module "+productModule+"\n\ngo 1.26\n")
	nested := filepath.Join(root, "deploy", "dev")
	write(t, filepath.Join(nested, "go.mod"), "module "+productModule+"/deploy/dev\n")
	t.Setenv("CODESAGA_ROOT", "")
	t.Chdir(nested)
	found, err := findRoot()
	if want, _ := filepath.EvalSymlinks(root); err != nil || found != want {
		t.Errorf("%q, %v; want %q", found, err, want)
	}
	t.Setenv("CODESAGA_ROOT", nested)
	if _, err := findRoot(); err == nil {
		t.Error("a folder that is not the product was accepted")
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
