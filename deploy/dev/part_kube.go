package main

import (
	"context"
	"os"
	"path/filepath"
	"time"
)

// cluster are the six parts of a single-node Kubernetes cluster. All but the kubelet listen on loopback only.
func cluster(dirs Dirs, cache folders) []*Part {
	hyperkube := cache["kubernetes"] + "/hyperkube"
	all := []*Part{
		{
			Name: "etcd", Listens: []string{etcdAddress, "127.0.0.1:12380"},
			Args: func() []string {
				const client, peer = "http://" + etcdAddress, "http://127.0.0.1:12380"
				return []string{cache["etcd"] + "/etcd", "--data-dir", filepath.Join(dirs.State, "etcd"), "--listen-client-urls", client,
					"--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
					"--initial-cluster", "default=" + peer, "--unsafe-no-fsync", "--log-level", "warn"}
			},
			Ready: func(ctx context.Context, _ time.Time) error { return probeHTTP(ctx, "http://"+etcdAddress+"/health") },
		},
		{
			Name: "containerd",
			Args: func() []string {
				return []string{cache["containerd"] + "/containerd", "--config", dirs.State + "/etc/containerd.toml"}
			},
			Ready: func(ctx context.Context, _ time.Time) error { return newCtr(dirs, cache).ping(ctx) },
			After: func(ctx context.Context) error { return newCtr(dirs, cache).importMissing(ctx, dirs) },
		},
		{
			Name: "apiserver", Needs: []string{"etcd"}, Listens: []string{apiAddress},
			Args:  func() []string { return append([]string{hyperkube, "apiserver"}, apiserverFlags(dirs)...) },
			Ready: func(ctx context.Context, _ time.Time) error { return newKube(dirs).ready(ctx) },
		},
	}
	all = append(all, apiClients(dirs, hyperkube)...)
	for _, p := range all {
		p.For, p.Patience, p.Grace = "KUBECONFIG", 2*time.Minute, 10*time.Second
	}
	return all
}

// apiClients are the parts that work by asking the API server.
func apiClients(dirs Dirs, hyperkube string) []*Part {
	kubeconfig := "--kubeconfig=" + dirs.kubeconfig()
	return []*Part{
		{
			Name: "kubelet", Needs: []string{"apiserver", "containerd"}, Listens: []string{"0.0.0.0:10250", "127.0.0.1:10248"},
			Args: func() []string {
				return []string{hyperkube, "kubelet", "--config=" + dirs.State + "/etc/kubelet.yaml", kubeconfig,
					"--root-dir=" + dirs.Node + "/kubelet", "--cert-dir=" + dirs.Node + "/kubelet/pki", "--hostname-override=" + nodeName,
					"--node-ip=" + nodeIP()}
			},
			Before: func(context.Context) error { return prepareKubelet(dirs) },
			Ready:  func(ctx context.Context, began time.Time) error { return probeKubelet(ctx, newKube(dirs), began) },
		},
		{
			Name: "scheduler", Needs: []string{"apiserver"}, Listens: []string{"127.0.0.1:10259"},
			Args: func() []string {
				return []string{hyperkube, "scheduler", kubeconfig, "--leader-elect=false", "--bind-address=127.0.0.1"}
			},
			Ready: func(ctx context.Context, _ time.Time) error { return probeHTTP(ctx, "https://127.0.0.1:10259/healthz") },
		},
		{
			Name: "kcm", Needs: []string{"apiserver"}, Listens: []string{"127.0.0.1:10257"},
			Args: func() []string {
				return []string{hyperkube, "kcm", kubeconfig, "--leader-elect=false", "--bind-address=127.0.0.1",
					"--service-account-private-key-file=" + dirs.pki("sa.key"), "--root-ca-file=" + dirs.pki("ca.crt"),
					"--use-service-account-credentials=false", "--flex-volume-plugin-dir=" + dirs.Node + "/kubelet/plugins-exec"}
			},
			// Pods need the namespace's service account, which the controller manager makes.
			Ready: func(ctx context.Context, _ time.Time) error {
				if err := probeHTTP(ctx, "https://127.0.0.1:10257/healthz"); err != nil {
					return err
				}
				return newKube(dirs).exists(ctx, "/api/v1/namespaces/default/serviceaccounts/default")
			},
		},
	}
}

func apiserverFlags(dirs Dirs) []string {
	return []string{
		"--etcd-servers=http://" + etcdAddress, "--bind-address=127.0.0.1", "--secure-port=" + port(apiAddress),
		"--cert-dir=" + dirs.pki(""), "--tls-cert-file=" + dirs.pki("apiserver.crt"), "--tls-private-key-file=" + dirs.pki("apiserver.key"),
		"--client-ca-file=" + dirs.pki("ca.crt"), "--authorization-mode=RBAC,Node", "--allow-privileged=true",
		"--service-cluster-ip-range=10.96.0.0/16", "--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + dirs.pki("sa.pub"), "--service-account-signing-key-file=" + dirs.pki("sa.key"),
		// By its name the node would not be found, and logs and attach would not work.
		"--kubelet-preferred-address-types=InternalIP", "--kubelet-certificate-authority=" + dirs.pki("ca.crt"),
		"--kubelet-client-certificate=" + dirs.pki("admin.crt"), "--kubelet-client-key=" + dirs.pki("admin.key"),
		"--feature-gates=PodLogsQuerySplitStreams=true",
	}
}

// prepareKubelet makes the root of the pods' cgroups, which the kubelet does not make itself.
func prepareKubelet(dirs Dirs) error {
	if err := os.MkdirAll(dirs.Node+"/kubelet", 0o711); err != nil {
		return err
	}
	return makeCgroups(cgroupMounts(procMounts()), dirs.Cgroup)
}
