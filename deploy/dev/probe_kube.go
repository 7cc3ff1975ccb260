package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"
)

// kube asks the API server as the administrator.
type kube struct{ dirs Dirs }

func newKube(dirs Dirs) kube { return kube{dirs} }

func (k kube) get(ctx context.Context, path string, into any) error {
	ca, err := os.ReadFile(k.dirs.pki("ca.crt"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	admin, err := tls.LoadX509KeyPair(k.dirs.pki("admin.crt"), k.dirs.pki("admin.key"))
	if err != nil {
		return err
	}
	transport := &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{admin}},
	}
	client := &http.Client{Timeout: probeTimeout, Transport: transport}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+apiAddress+path, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", path, response.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(into)
}

func (k kube) ready(ctx context.Context) error               { return k.get(ctx, "/readyz", nil) }
func (k kube) exists(ctx context.Context, path string) error { return k.get(ctx, path, nil) }

// node is what of a Node says whether pods can run on it.
type node struct {
	Spec struct {
		Taints []struct{ Key string }
	}
	Status struct {
		Conditions []struct{ Type, Status string }
	}
}

func (n node) ready() error {
	for _, c := range n.Status.Conditions {
		if c.Type == "Ready" && c.Status == "True" {
			if len(n.Spec.Taints) > 0 {
				return fmt.Errorf("node %s has the taint %s", nodeName, n.Spec.Taints[0].Key)
			}
			return nil
		}
	}
	return fmt.Errorf("node %s is not Ready", nodeName)
}

// probeKubelet wants a kubelet that is well, a lease it renewed since it began (the Node may still say Ready from an
// earlier life), and a node that is Ready and without taints.
func probeKubelet(ctx context.Context, k kube, began time.Time) error {
	if err := probeHTTP(ctx, "http://127.0.0.1:10248/healthz"); err != nil {
		return err
	}
	var lease struct{ Spec struct{ RenewTime time.Time } }
	if err := k.get(ctx, "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/"+nodeName, &lease); err != nil {
		return err
	}
	if lease.Spec.RenewTime.Before(began) {
		return errors.New("the kubelet has not renewed its lease yet")
	}
	// Logs and attach go this way.
	if err := k.exists(ctx, "/api/v1/nodes/"+nodeName+"/proxy/healthz"); err != nil {
		return err
	}
	var n node
	if err := k.get(ctx, "/api/v1/nodes/"+nodeName, &n); err != nil {
		return err
	}
	return n.ready()
}
