package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// A need is something of the machine's that has to be there.
type need struct {
	What string
	// Packages are Debian's and Ubuntu's; none if it does not come from there in a version that would do.
	Packages []string
	// Settings: it is needed unless all of these are given.
	Settings []string
	There    func() bool
}

var needs = []need{
	{"Go 1.26 or later (https://go.dev/dl)", nil, []string{"KUBECONFIG", "CODESAGA_TEMPORAL_ADDRESS"}, func() bool { return command(goTool(), "version") }},
	{"Java 17 or later", []string{"openjdk-17-jre-headless"}, []string{"CODESAGA_KAFKA_BROKERS", "CODESAGA_SCHEMA_REGISTRY_URL"}, hasJava},
	{"Maven", []string{"maven"}, []string{"CODESAGA_KAFKA_BROKERS", "CODESAGA_SCHEMA_REGISTRY_URL"}, onPath("mvn")},
	{"Python 3.10 or later with venv", []string{"python3", "python3-venv"}, []string{"CODESAGA_MONGO_URI"}, func() bool {
		return command("python3", "-c", "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))")
	}},
	{"a C compiler", []string{"gcc", "libc6-dev"}, []string{"KUBECONFIG"}, func() bool { return onPath("gcc")() && hasFile("/usr/lib/*/libc.a", "/usr/lib/libc.a") }},
	{"pkg-config", []string{"pkg-config"}, []string{"KUBECONFIG"}, onPath("pkg-config")},
	{"libseccomp's headers", []string{"libseccomp-dev"}, []string{"KUBECONFIG"}, func() bool { return command("pkg-config", "--exists", "libseccomp") }},
	{"mmdebstrap", []string{"mmdebstrap"}, []string{"KUBECONFIG"}, onPath("mmdebstrap")},
	{"Debian's archive keys", []string{"debian-archive-keyring"}, []string{"KUBECONFIG"}, func() bool { return hasFile("/usr/share/keyrings/debian-archive-*") }},
	{"mount and umount", []string{"mount"}, []string{"KUBECONFIG"}, onPath("mount")},
	{"tar", []string{"tar"}, []string{"CODESAGA_SCHEMA_REGISTRY_URL"}, onPath("tar")},
}

// languageNeeds are those of the images of languages.
var languageNeeds = []need{
	{"npm", []string{"npm"}, []string{"KUBECONFIG"}, onPath("npm")},
	{"unshare", []string{"util-linux"}, []string{"KUBECONFIG"}, onPath("unshare")},
}

func onPath(name string) func() bool {
	return func() bool { _, err := exec.LookPath(name); return err == nil }
}

func command(name string, args ...string) bool { return exec.Command(name, args...).Run() == nil }

func hasFile(patterns ...string) bool {
	for _, pattern := range patterns {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return true
		}
	}
	return false
}

func hasJava() bool {
	out, err := exec.Command("java", "-version").CombinedOutput()
	return err == nil && javaMajor(string(out)) >= 17
}

// javaMajor reads `openjdk version "17.0.15" …`; 0 if it is not there.
func javaMajor(text string) int {
	_, rest, _ := strings.Cut(text, `version "`)
	digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	n, _ := strconv.Atoi(digits)
	return n
}

// lacking are those of needs that are not met; given settings take some away.
func lacking(needs []need, given map[string]string) []need {
	var all []need
	for _, n := range needs {
		for _, key := range n.Settings {
			if given[key] == "" {
				if !n.There() {
					all = append(all, n)
				}
				break
			}
		}
	}
	return all
}

func installCommand(ctx context.Context, dirs Dirs) error {
	p := newProgress(os.Stderr, isTerminal(os.Stderr), 0)
	defer p.Close()
	return install(ctx, dirs, needs, given(dirs, os.Getenv), p)
}

// install installs what of needs is missing where apt-get can, and otherwise names all of it.
func install(ctx context.Context, dirs Dirs, needs []need, given map[string]string, p *Progress) error {
	root := os.Geteuid() == 0
	if !root && given["KUBECONFIG"] == "" {
		return errors.New("Kubernetes on this machine needs root: run this as root, or set KUBECONFIG to a cluster of your own")
	}
	all := lacking(needs, given)
	if len(all) == 0 {
		return nil
	}
	var names, packages []string
	possible := root && onPath("apt-get")()
	for _, n := range all {
		names = append(names, n.What)
		packages = append(packages, n.Packages...)
		possible = possible && len(n.Packages) > 0
	}
	if !possible {
		return fmt.Errorf("this machine lacks: %s. Install them (Debian's packages: %s) and try again", strings.Join(names, "; "), strings.Join(packages, " "))
	}
	p.expect(1)
	return p.Task("install "+strings.Join(packages, " "), func() error { return aptGet(ctx, dirs, packages, all) })
}

func aptGet(ctx context.Context, dirs Dirs, packages []string, all []need) error {
	log, err := createLog(dirs, "install")
	if err != nil {
		return err
	}
	defer log.Close()
	b := &builder{log: log}
	quiet := []string{"DEBIAN_FRONTEND=noninteractive"}
	err = b.run(ctx, "/", quiet, "apt-get", "update")
	if err == nil {
		err = b.run(ctx, "/", quiet, "apt-get", append([]string{"install", "-y", "--no-install-recommends"}, packages...)...)
	}
	if err != nil {
		return &failure{part: "install", log: dirs.log("install"), err: err}
	}
	for _, n := range all {
		if !n.There() {
			return fmt.Errorf("installed %s, and there still is no %s: see %s", strings.Join(n.Packages, " "), n.What, dirs.log("install"))
		}
	}
	return nil
}
