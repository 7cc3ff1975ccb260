package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestMountsBelowComeDeepestAndLatestFirst(t *testing.T) {
	const info = `22 1 254:0 / / rw - ext4 /dev/vda rw
30 22 0:30 / /n rw shared:1 - tmpfs tmpfs rw
31 30 0:31 / /n/a\040b rw - overlay overlay rw
32 30 0:32 / /n/c/d/e rw - tmpfs tmpfs rw
33 30 0:33 / /n/a\040b rw - proc proc rw
34 22 0:34 / /nearly rw - tmpfs tmpfs rw
35 22 0:35 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
36 22 0:36 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
broken line
`
	mounts := parseMounts(info)
	if got, want := mountsBelow(mounts, "/n"), []string{"/n/c/d/e", "/n/a b", "/n/a b", "/n"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := cgroupMounts(mounts), []string{"/sys/fs/cgroup/pids", "/sys/fs/cgroup/unified"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// fakeProcess is a folder of a procfs.
func fakeProcess(t *testing.T, root string, pid int, state, exe, commandLine, environment string) {
	t.Helper()
	dir := filepath.Join(root, fmt.Sprint(pid))
	fields := strings.Repeat("0 ", 18)
	write(t, dir+"/stat", fmt.Sprintf("%d (a) b) %s %s%d 0 0\n", pid, state, fields, 1000+pid))
	write(t, dir+"/cmdline", strings.ReplaceAll(commandLine, " ", "\x00"))
	write(t, dir+"/environ", strings.ReplaceAll(environment, " ", "\x00"))
	if err := os.Symlink(exe, dir+"/exe"); err != nil {
		t.Fatal(err)
	}
}

func TestOursAreFoundAndNobodyElses(t *testing.T) {
	dirs := dirsAt("/home/a/state", "/home/a/cache", "")
	root := t.TempDir()
	const java, shim = "/usr/bin/java", "/home/a/cache/containerd-2/containerd-shim-runc-v2"
	fakeProcess(t, root, 101, "S", java, "java kafka.Kafka", "A=1 CODESAGA_DEV_PART=kafka@/home/a/state")
	fakeProcess(t, root, 102, "S", java, "java kafka.Kafka", "CODESAGA_DEV_PART=kafka@/home/b/home/a/state2")
	fakeProcess(t, root, 103, "S", shim, "shim -address "+dirs.Node+"/containerd.sock", "")
	fakeProcess(t, root, 104, "S", shim, "shim -address /other/containerd.sock", "")
	fakeProcess(t, root, 105, "S", "/usr/bin/tail", "tail -f /home/a/state/logs/kafka.log", "")
	fakeProcess(t, root, 106, "S", "/bin/bash", "bash", "CODESAGA_DEV_STATE=/home/a/state")
	fakeProcess(t, root, 107, "Z", java, "", "CODESAGA_DEV_PART=kafka@/home/a/state")
	fakeProcess(t, root, 108, "S", shim, "shim --root=/home/a/state2", "")
	write(t, filepath.Join(root, "meminfo"), "")
	if got, want := procfs(root).ours(dirs), []int{101, 103}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestRecordedPidIsNotAnotherProcess(t *testing.T) {
	dirs, root := dirsAt(t.TempDir(), "/cache", ""), t.TempDir()
	fakeProcess(t, root, 101, "S", "/bin/x", "x", "")
	for record, want := range map[string]bool{"101 1101": true, "101 999": false, "102 1102": false, "": false, "x y": false} {
		write(t, pidFile(dirs, "kafka"), record)
		if _, alive := recordedPid(dirs, procfs(root), "kafka"); alive != want {
			t.Errorf("%q: %v, want %v", record, alive, want)
		}
	}
}

const tcpTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 0100007F:1F91 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0
   2: 00000000:1F92 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0
`

func TestPortHolderIsWhoListens(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "net/tcp"), tcpTable)
	fakeProcess(t, root, 101, "S", "/bin/x", "x --serve", "")
	fakeProcess(t, root, 102, "S", "/bin/y", "y", "")
	for pid, inode := range map[string]string{"101": "4711", "102": "4712"} {
		write(t, filepath.Join(root, pid, "fd", "0"), "")
		if err := os.Symlink("socket:["+inode+"]", filepath.Join(root, pid, "fd", "3")); err != nil {
			t.Fatal(err)
		}
	}
	if got := procfs(root).portHolder(8081); got != 101 {
		t.Errorf("%d, want 101", got)
	}
	if got := procfs(root).portHolder(8083); got != 0 {
		t.Errorf("%d, want 0: nobody listens", got)
	}
	if got, want := procfs(root).describe(101), "pid 101 (x --serve)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestChildrenGetNoSettingsOfTheProduct(t *testing.T) {
	got := environment([]string{"PATH=/bin", "CODESAGA_KAFKA_BROKERS=x", "KUBECONFIG=y", "HOME=/h"})
	if want := []string{"PATH=/bin:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin", "HOME=/h"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
