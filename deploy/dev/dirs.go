package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	productModule = "github.com/codesaga/codesaga"
	nodeName      = "codesaga-dev"
)

// Dirs are the folders everything lies in. All are absolute.
type Dirs struct {
	// State holds data, logs and the kubeconfig.
	State string
	// Cache holds what was built or fetched; any number of states share it.
	Cache string
	// Node holds what containerd and the kubelet keep. It is not below State: pods with a user namespace of their own
	// must be able to walk to their root file system, and a home folder is often 0700.
	Node string
	// Shims holds the sockets of containerd's shims, whose paths must be short.
	Shims string
	// Cgroup is the name of the folder in every cgroup hierarchy below which all pods live.
	Cgroup string
	// Root is the repository, empty if it was not found: only building needs it.
	Root string
}

func findDirs() (Dirs, error) {
	home, _ := os.UserHomeDir()
	state, err := folder(os.Getenv("CODESAGA_DEV_STATE"), os.Getenv("XDG_STATE_HOME"), home, ".local/state", "codesaga/dev")
	if err != nil {
		return Dirs{}, err
	}
	cache, err := folder("", os.Getenv("XDG_CACHE_HOME"), home, ".cache", "codesaga")
	if err != nil {
		return Dirs{}, err
	}
	root, err := findRoot()
	if err != nil {
		return Dirs{}, err
	}
	return dirsAt(state, cache, root), nil
}

func dirsAt(state, cache, root string) Dirs {
	sum := sha256.Sum256([]byte(state))
	short := hex.EncodeToString(sum[:4])
	return Dirs{
		State: state, Cache: cache, Root: root,
		Node:  filepath.Join("/var/lib/codesaga-dev", short),
		Shims: filepath.Join("/run/codesaga-dev", short), Cgroup: "codesaga-dev-" + short,
	}
}

// folder follows the XDG Base Directory Specification: a value that is not absolute is an error for our own setting
// and ignored for XDG's.
func folder(own, xdg, home, fallback, below string) (string, error) {
	switch {
	case own != "":
		return filepath.Abs(own)
	case filepath.IsAbs(xdg):
		return filepath.Join(xdg, below), nil
	case home == "":
		return "", errors.New("there is no home folder: set CODESAGA_DEV_STATE, XDG_CACHE_HOME and XDG_STATE_HOME")
	}
	return filepath.Join(home, fallback, below), nil
}

// findRoot walks up from the current folder and from the program's own to the product's go.mod.
func findRoot() (string, error) {
	if given := os.Getenv("CODESAGA_ROOT"); given != "" {
		root, err := filepath.Abs(given)
		if err == nil && !isRoot(root) {
			err = fmt.Errorf("CODESAGA_ROOT=%s: there is no go.mod of %s", given, productModule)
		}
		return root, err
	}
	var starts []string
	if wd, err := os.Getwd(); err == nil {
		starts = append(starts, wd)
	}
	if exe, err := os.Executable(); err == nil {
		starts = append(starts, filepath.Dir(exe))
	}
	for _, dir := range starts {
		for ; ; dir = filepath.Dir(dir) {
			if isRoot(dir) {
				return dir, nil
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return "", nil
}

func isRoot(dir string) bool {
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(mod)) {
		if strings.TrimSpace(line) == "module "+productModule {
			return true
		}
	}
	return false
}

// Dev is the folder of this module, or an error that says how to name the repository.
func (d Dirs) Dev() (string, error) {
	if d.Root == "" {
		return "", errors.New("the repository was not found: run this inside it, or set CODESAGA_ROOT to it")
	}
	return filepath.Join(d.Root, "deploy", "dev"), nil
}

func (d Dirs) languages() string      { return filepath.Join(d.Root, "deploy", "languages") }
func (d Dirs) log(part string) string { return filepath.Join(d.State, "logs", part+".log") }
func (d Dirs) pki(file string) string { return filepath.Join(d.State, "pki", file) }
func (d Dirs) kubeconfig() string     { return filepath.Join(d.State, "kubeconfig") }
func (d Dirs) containerd() string     { return filepath.Join(d.Node, "containerd.sock") }
