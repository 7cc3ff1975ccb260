package main

import (
	_ "github.com/gin-gonic/gin"
	_ "github.com/google/go-cmp/cmp"
	_ "github.com/hamba/avro/v2"
	_ "github.com/prometheus/client_golang/prometheus/promhttp"
	_ "github.com/riferrei/srclient"
	_ "github.com/segmentio/kafka-go"
	_ "go.mongodb.org/mongo-driver/v2/mongo"
	_ "go.temporal.io/sdk/client"
	_ "go.temporal.io/sdk/testsuite"
	_ "go.temporal.io/sdk/worker"
	_ "golang.org/x/sync/errgroup"
	_ "golang.org/x/sys/unix"
	_ "k8s.io/client-go/informers"
	_ "k8s.io/client-go/kubernetes"
	_ "k8s.io/client-go/kubernetes/fake"
	_ "k8s.io/client-go/tools/clientcmd"
	_ "k8s.io/client-go/tools/watch"
	_ "sigs.k8s.io/yaml"
)

func main() {}
