package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"text/template"
)

//go:embed conf
var conf embed.FS

// configure writes the configuration of the parts that are ours.
func configure(dirs Dirs, cache folders, given map[string]string) error {
	values := map[string]string{
		"State": dirs.State, "Node": dirs.Node, "Shims": dirs.Shims, "PKI": filepath.Join(dirs.State, "pki"),
		"Containerd": cache["containerd"], "Cgroup": dirs.Cgroup,
	}
	etc := filepath.Join(dirs.State, "etc")
	files := map[string]string{"kafka.properties": etc, "log4j2.properties": etc}
	if given["KUBECONFIG"] == "" {
		if nodeIP() == "" {
			return errors.New("Kubernetes needs an IPv4 address that is not loopback, and this machine has none: bring an interface up")
		}
		files["containerd.toml"], files["kubelet.yaml"] = etc, etc
		files["10-none.conflist"], files["none"] = dirs.Node+"/cni/conf", dirs.Node+"/cni/bin"
	}
	for name, dir := range files {
		text, err := template.ParseFS(conf, "conf/"+name)
		if err != nil {
			return err
		}
		var content bytes.Buffer
		if err := text.Execute(&content, values); err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if name == "none" {
			mode = 0o755
		}
		if err := writeFile(filepath.Join(dir, name), content.Bytes(), mode); err != nil {
			return err
		}
	}
	if err := writeFile(filepath.Join(etc, "secantusd.toml"), nil, 0o644); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dirs.State, "temporal"), 0o700); err != nil {
		return err
	}
	if given["KUBECONFIG"] != "" {
		return nil
	}
	if err := makeNodeFolders(dirs); err != nil {
		return err
	}
	return makePKI(dirs)
}

// makeNodeFolders makes the way to a root file system passable: containerd would make missing folders 0700, and then
// pods with a user namespace fail with "remount-propagation ... permission denied".
func makeNodeFolders(dirs Dirs) error {
	for _, dir := range []string{filepath.Dir(dirs.Node), dirs.Node, dirs.Node + "/containerd"} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return err
		}
		if err := os.Chmod(dir, 0o711); err != nil {
			return err
		}
	}
	return os.MkdirAll(dirs.Shims, 0o700)
}

// formatKafka gives the log folder its cluster ID, once.
func formatKafka(ctx context.Context, dirs Dirs, java []string) error {
	if _, err := os.Stat(filepath.Join(dirs.State, "kafka", "meta.properties")); err == nil {
		return nil
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	args := append(java[1:], "kafka.tools.StorageTool", "format", "-t", base64.RawURLEncoding.EncodeToString(id),
		"-c", dirs.State+"/etc/kafka.properties")
	if out, err := exec.CommandContext(ctx, java[0], args...).CombinedOutput(); err != nil {
		return fmt.Errorf("formatting its storage: %w\n%s", err, bytes.TrimSpace(out))
	}
	return nil
}
