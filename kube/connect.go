package kube

import (
	"fmt"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Connect returns a client for the cluster that the kubeconfig file describes,
// or, if that is empty, for the one that it runs in, and its configuration. A
// token that is in a file is read anew when it changes.
func Connect(kubeconfig string) (kubernetes.Interface, *rest.Config, error) {
	config, err := rest.InClusterConfig()
	if kubeconfig != "" {
		config, err = clientcmd.BuildConfigFromFlags("", kubeconfig)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("kubernetes: %w", err)
	}
	// The client's own brake of 5 calls a second is for command lines. The API
	// server has its own, which the client obeys.
	config.QPS, config.Burst = 200, 400
	config.UserAgent = "codesaga-kube"
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, nil, fmt.Errorf("kubernetes: %w", err)
	}
	return client, config, nil
}
