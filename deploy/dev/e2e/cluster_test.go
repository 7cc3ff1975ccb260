package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// cluster is the Kubernetes API as an auditor needs it: to look, and to clear
// away what a suite that was killed has left.
type cluster struct {
	host      string // such as https://10.0.0.1:6443
	namespace string
	http      *http.Client
}

// object is what all objects of Kubernetes have.
type object struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name   string            `json:"name"`
		Labels map[string]string `json:"labels"`

		DeletionTimestamp string `json:"deletionTimestamp"`
	} `json:"metadata"`
	Spec   json.RawMessage `json:"spec"`
	Status json.RawMessage `json:"status"`
}

// The kinds of objects that an execution may have, by their paths.
const (
	pods       = "/api/v1/namespaces/%s/pods"
	configMaps = "/api/v1/namespaces/%s/configmaps"
	policies   = "/apis/networking.k8s.io/v1/namespaces/%s/networkpolicies"
	quotas     = "/api/v1/namespaces/%s/resourcequotas"
	ranges     = "/api/v1/namespaces/%s/limitranges"
)

const (
	executionLabel = "codesaga/execution" // is on all that belongs to one execution
	probeLabel     = "codesaga/probe"     // on pods that try whether they can get out
)

func openCluster(kubeconfig, namespace string) (*cluster, error) {
	cfg, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("KUBECONFIG: %w", err)
	}
	cfg.Timeout = 10 * time.Second
	client, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return nil, fmt.Errorf("KUBECONFIG: %w", err)
	}
	return &cluster{host: strings.TrimRight(cfg.Host, "/"), namespace: namespace, http: client}, nil
}

// do sends a request and decodes the answer into v. Of a path with %s, that is
// the namespace. What is not found is an empty answer.
func (c *cluster) do(ctx context.Context, method, path string, body []byte, v any) error {
	if strings.Contains(path, "%s") {
		path = fmt.Sprintf(path, c.namespace)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.host+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode == http.StatusNotFound:
		return nil
	case resp.StatusCode/100 != 2:
		return fmt.Errorf("%s %s: %s: %.300s", method, path, resp.Status, text)
	case v == nil:
		return nil
	}
	return json.Unmarshal(text, v)
}

// list lists the objects of one kind.
func (c *cluster) list(ctx context.Context, kind string) ([]object, error) {
	var page struct {
		Items []object `json:"items"`
	}
	err := c.do(ctx, http.MethodGet, kind, nil, &page)
	return page.Items, err
}

// left names what is there of executions: of all of them, or of one.
func (c *cluster) left(ctx context.Context, id string) (names []string, err error) {
	for _, kind := range []string{pods, configMaps, policies} {
		all, err := c.list(ctx, kind)
		if err != nil {
			return nil, err
		}
		for _, o := range all {
			if o.belongs(kind, id) {
				names = append(names, kind[strings.LastIndexByte(kind, '/')+1:]+"/"+o.Metadata.Name)
			}
		}
	}
	return names, nil
}

// belongs reports whether o was made for the execution id, or for any. In this
// namespace all pods were that are no probes, and all ConfigMaps but the one
// that each has.
func (o object) belongs(kind, id string) bool {
	if id != "" {
		return o.Metadata.Labels[executionLabel] == id || strings.Contains(o.Metadata.Name, id)
	}
	switch kind {
	case pods:
		return o.Metadata.Labels[probeLabel] == ""
	case configMaps:
		return o.Metadata.Name != "kube-root-ca.crt"
	default:
		return o.Metadata.Labels[executionLabel] != ""
	}
}

// sweep removes what an earlier suite has left, so that it is not this one's.
func (c *cluster) sweep(ctx context.Context) error {
	names, err := c.left(ctx, "")
	if err != nil || len(names) == 0 {
		return err
	}
	fmt.Println("left by an earlier suite, removed:", strings.Join(names, ", "))
	at := map[string]string{"pods": pods, "configmaps": configMaps, "networkpolicies": policies}
	for _, name := range names {
		kind, name, _ := strings.Cut(name, "/")
		if err := c.do(ctx, http.MethodDelete, at[kind]+"/"+name, []byte(`{"gracePeriodSeconds":0}`), nil); err != nil {
			return err
		}
	}
	return await(ctx, 30*time.Second, func() (bool, string) {
		names, err := c.left(ctx, "")
		return err == nil && len(names) == 0, fmt.Sprint(names, err)
	})
}
