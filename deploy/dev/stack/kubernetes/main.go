// Command hyperkube is four programs of Kubernetes in one, so that what they share is linked and loaded once.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/restclient"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	kcm "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

const usage = `usage: hyperkube PROGRAM [FLAGS]

  apiserver   kube-apiserver
  kcm         kube-controller-manager
  scheduler   kube-scheduler
  kubelet     kubelet

"hyperkube PROGRAM --help" lists the flags of one.
`

func main() {
	var command *cobra.Command
	if len(os.Args) > 1 {
		command = program(os.Args[1])
	}
	if command == nil {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	// The programs read os.Args themselves, with their own name in front.
	os.Args = os.Args[1:]
	os.Exit(cli.Run(command))
}

// program returns nil for a name it does not know.
func program(name string) *cobra.Command {
	switch name {
	case "apiserver":
		return apiserver.NewAPIServerCommand()
	case "kcm":
		return kcm.NewControllerManagerCommand()
	case "scheduler":
		return scheduler.NewSchedulerCommand()
	case "kubelet":
		return kubelet.NewKubeletCommand(context.Background())
	}
	return nil
}
