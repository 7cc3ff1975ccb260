package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"
)

// partNames are all parts there are.
var partNames = []string{"temporal", "kafka", "registry", "mongo", "etcd", "containerd", "apiserver", "kubelet", "scheduler", "kcm"}

// status prints a line for each part, and ends with 1 if one that should run does not.
func status(ctx context.Context, dirs Dirs) error {
	answer, err := ask(ctx, dirs, request{Do: "status"})
	if errors.Is(err, errNotUp) {
		if pid := supervisorPid(dirs); pid != 0 {
			fmt.Printf("the supervisor (pid %d) is building or stopping\n", pid)
			return exitCode(1)
		}
		for _, pid := range procfs("/proc").ours(dirs) {
			fmt.Println("left behind: " + procfs("/proc").describe(pid) + "; codesaga-dev down removes it")
		}
	}
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PART\tSTATE\tPID\tADDRESS\tUPTIME\tLOG")
	here := map[string]bool{}
	for _, r := range answer.Parts {
		here[r.Part] = true
		pid, uptime := "-", "-"
		if r.Pid != 0 {
			pid, uptime = fmt.Sprint(r.Pid), elapsed(time.Since(r.Began))
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Part, r.State, pid, r.Address, uptime, r.Log)
	}
	for _, name := range partNames {
		if !here[name] {
			fmt.Fprintf(table, "%s\tgiven\t-\t-\t-\t-\n", name)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if notReady(answer.Parts) != "" {
		return exitCode(1)
	}
	return nil
}

// notReady names the parts that should run and do not: "kafka is failed, kcm is starting". Empty if all do.
func notReady(all []Report) string {
	var bad []string
	for _, r := range all {
		if r.State != ready {
			bad = append(bad, r.Part+" is "+r.State)
		}
	}
	return strings.Join(bad, ", ")
}
