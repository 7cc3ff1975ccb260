package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

// A Recipe says how a part comes into the cache.
type Recipe struct {
	Name string
	// Inputs are below deploy/dev; with Words they are what the stamp is a hash of.
	Inputs []string
	Words  []string
	// Version is found by the first group of Pattern in the first of the Inputs: there it is pinned, and nowhere else.
	Pattern string
	// Build fills the folder out, which is empty; log is a file for whatever is said.
	Build func(ctx context.Context, b *builder) error
	// Light recipes wait for the network rather than for a processor, and are made beside the others.
	Light bool
	// For is the setting that makes the part unnecessary.
	For string
}

const (
	containerdTags = "seccomp,no_btrfs,no_zfs"
	kubernetesFlag = "-s -w -X k8s.io/component-base/version.gitVersion=v"
)

// recipes are in the order in which the heavy ones are built: the short ones first.
var recipes = []*Recipe{
	{
		Name: "etcd", For: "KUBECONFIG", Pattern: `go\.etcd\.io/etcd/server/v3 v(\S+)`,
		Inputs: []string{"stack/etcd/go.mod", "stack/etcd/go.sum", "stack/etcd/main.go"},
		Words:  []string{"CGO_ENABLED=0", "-s -w"},
		Build: func(ctx context.Context, b *builder) error {
			return b.golang(ctx, "stack/etcd", "0", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.out+"/etcd", ".")
		},
	},
	{
		Name: "containerd", For: "KUBECONFIG", Pattern: `github\.com/containerd/containerd/v2 v(\S+)`,
		Inputs: []string{"stack/containerd/go.mod", "stack/containerd/go.sum"},
		Words:  []string{containerdTags},
		Build: func(ctx context.Context, b *builder) error {
			const containerd = "github.com/containerd/containerd/v2/cmd/"
			return b.golang(ctx, "stack/containerd", "1", "build", "-trimpath", "-tags", containerdTags, "-o", b.out+"/",
				containerd+"containerd", containerd+"containerd-shim-runc-v2", containerd+"ctr", "github.com/opencontainers/runc")
		},
	},
	{
		Name: "kubernetes", For: "KUBECONFIG", Pattern: `k8s\.io/kubernetes v(\S+)`,
		Inputs: []string{"stack/kubernetes/go.mod", "stack/kubernetes/go.sum", "stack/kubernetes/main.go"},
		Words:  []string{kubernetesFlag},
		Build: func(ctx context.Context, b *builder) error {
			return b.golang(ctx, "stack/kubernetes", "1", "build", "-trimpath", "-ldflags", kubernetesFlag+b.version,
				"-o", b.out+"/hyperkube", ".")
		},
	},
	{
		Name: "temporal", For: "CODESAGA_TEMPORAL_ADDRESS", Pattern: `github\.com/temporalio/cli v(\S+)`,
		Inputs: []string{"stack/temporal/go.mod", "stack/temporal/go.sum"},
		Words:  []string{"-s -w"},
		Build: func(ctx context.Context, b *builder) error {
			return b.golang(ctx, "stack/temporal", "1", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.out+"/temporal",
				"github.com/temporalio/cli/cmd/temporal")
		},
	},
	{
		Name: "kafka", For: "CODESAGA_KAFKA_BROKERS", Light: true, Pattern: `kafka_2\.13</artifactId>\s*<version>([^<]+)`,
		Inputs: []string{"stack/kafka/pom.xml"},
		Build: func(ctx context.Context, b *builder) error {
			return b.maven(ctx, "stack/kafka", "dependency:copy-dependencies", "-DoutputDirectory="+b.out)
		},
	},
	{
		Name: "registry", For: "CODESAGA_SCHEMA_REGISTRY_URL", Light: true, Pattern: `apicurio-registry-app:([^:]+):`,
		Inputs: []string{"stack/registry/pom.xml"},
		Build:  buildRegistry,
	},
	{
		Name: "mongo", For: "CODESAGA_MONGO_URI", Light: true, Pattern: `(?m)^secantusdb==(\S+)`,
		Inputs: []string{"stack/mongo/requirements.txt"},
		Build: func(ctx context.Context, b *builder) error {
			if err := b.run(ctx, b.dev, nil, "python3", "-m", "venv", b.out+"/venv"); err != nil {
				return err
			}
			return b.run(ctx, b.dev, nil, b.out+"/venv/bin/python", "-m", "pip", "install", "--no-input",
				"-r", filepath.Join(b.dev, "stack/mongo/requirements.txt"))
		},
	},
}

// buildRegistry lets Maven fetch the archive into a local repository of its own, because only there its place is known.
func buildRegistry(ctx context.Context, b *builder) error {
	repository := filepath.Join(b.out, "repository")
	defer os.RemoveAll(repository)
	if err := b.maven(ctx, "stack/registry", "dependency:get", "-Dmaven.repo.local="+repository); err != nil {
		return err
	}
	archive := fmt.Sprintf("%s/io/apicurio/apicurio-registry-app/%s/apicurio-registry-app-%[2]s-all.tar.gz", repository, b.version)
	return b.run(ctx, b.out, nil, "tar", "-xzf", archive)
}

func recipe(name string) *Recipe {
	i := slices.IndexFunc(recipes, func(r *Recipe) bool { return r.Name == name })
	return recipes[i]
}

// version reads the pinned version out of the inputs.
func (r *Recipe) version(dev string) (string, error) {
	path := filepath.Join(dev, r.Inputs[0])
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	found := regexp.MustCompile(r.Pattern).FindSubmatch(text)
	if found == nil {
		return "", fmt.Errorf("%s: no version matches %s", path, r.Pattern)
	}
	return string(found[1]), nil
}

// folder is where the part lies in the cache.
func (r *Recipe) folder(dirs Dirs) (string, error) {
	dev, err := dirs.Dev()
	if err != nil {
		return "", err
	}
	version, err := r.version(dev)
	return filepath.Join(dirs.Cache, r.Name+"-"+version), err
}
