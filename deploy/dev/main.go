// Command codesaga-dev runs on one machine all that codesaga needs around it: Temporal, Kafka, a schema registry, a
// database that speaks MongoDB's protocol, and a single-node Kubernetes cluster. Every part is the real program, built or
// fetched once from package registries into a cache folder; nothing needs Docker.
//
// One supervisor starts the parts, waits until each answers, reports what ends by itself and restarts nothing. It
// imports nothing of the product: the product gets addresses, printed by "codesaga-dev env".
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

const usage = `usage: codesaga-dev COMMAND

  up [--detach]   build what is missing, start everything, wait until it is ready; Ctrl-C stops it
  down            stop everything and remove what a killed supervisor left behind
  status          a line for each part; exits 1 if one that should run does not
  env             print the settings as "export KEY=VALUE"
  images [NAME…]  build and import the images that are missing or have changed: all, or those of a
                  language (ruby) or of one version (ruby:3.3)
  check [NAME…]   run the conformance scripts of languages in the images that are built, without a cluster
  pin [-into DIR] ask registries for the digests of the images that nodes pull, and write them into language.json
  push [-into DIR] REGISTRY/PREFIX
                  push the images that no registry has, and write where they are into language.json
  kill PART       SIGKILL; the part stays down
  stop PART       SIGTERM; the part stays down
  start PART      start it again and wait until it is ready
  install         install what the machine lacks (apt-get, as root)
  reset           down, then delete all data

PART is one of: temporal kafka registry mongo etcd containerd apiserver kubelet scheduler kcm

  CODESAGA_DEV_STATE   data, logs, kubeconfig (default: $XDG_STATE_HOME/codesaga/dev)
  CODESAGA_ROOT        the repository (default: found from the current folder or the program's)

A part of your own is used, and none started, if its setting is there: CODESAGA_TEMPORAL_ADDRESS,
CODESAGA_KAFKA_BROKERS, CODESAGA_SCHEMA_REGISTRY_URL, CODESAGA_MONGO_URI, KUBECONFIG.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:])
	stop()
	var code exitCode
	switch {
	case err == nil:
	case errors.As(err, &code):
		os.Exit(int(code))
	default:
		fmt.Fprintln(os.Stderr, "codesaga-dev: "+explain(err))
		os.Exit(1)
	}
}

// explain gives an interruption a better name.
func explain(err error) string {
	if errors.Is(err, context.Canceled) {
		return "interrupted"
	}
	return err.Error()
}

// exitCode ends the program without a further message.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

func run(ctx context.Context, args []string) error {
	if len(args) == 0 || slices.Contains([]string{"help", "-h", "--help"}, args[0]) {
		fmt.Print(usage)
		return nil
	}
	dirs, err := findDirs()
	if err != nil {
		return err
	}
	command, args := args[0], args[1:]
	switch command {
	case "kill", "stop", "start":
		if len(args) != 1 {
			return fmt.Errorf("%s needs the name of one part: codesaga-dev %s PART", command, command)
		}
		return tell(ctx, dirs, request{Do: command, Part: args[0]})
	case "up":
		if len(args) == 1 && args[0] == "--detach" {
			return upDetached(ctx, dirs)
		}
	case "images":
		return imagesCommand(ctx, dirs, args)
	case "check":
		return checkCommand(ctx, dirs, args)
	case "pin":
		return pinCommand(ctx, dirs, args)
	case "push":
		return pushCommand(ctx, dirs, args)
	}
	if len(args) != 0 {
		return fmt.Errorf("%s does not know %q; codesaga-dev help", command, args[0])
	}
	commands := map[string]func(context.Context, Dirs) error{
		"up": up, "down": down, "reset": reset, "status": status, "env": printEnv, "install": installCommand,
	}
	do, ok := commands[command]
	if !ok {
		return fmt.Errorf("there is no command %q; codesaga-dev help", command)
	}
	return do(ctx, dirs)
}
