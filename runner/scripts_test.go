//go:build linux

package runner

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func subreaper() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// scripts are the programs that run as scripts.
var scripts = map[string]func(){
	"exit": func() {
		fmt.Println("out")
		code, err := strconv.Atoi(os.Args[1])
		check(err)
		unix.Exit(code)
	},
	"segv": func() { fatal(unix.SIGSEGV); check(unix.Kill(os.Getpid(), unix.SIGSEGV)); sleep() },
	"both": func() {
		for range 10_000 {
			fmt.Println("a line of stdout")
		}
		_, err := os.Stderr.Write(everyByte())
		check(err)
	},
	"given":    given,
	"fill":     func() { fill(os.Args[1], os.Args[2]) },
	"stubborn": func() { signal.Ignore(unix.SIGTERM); fmt.Println("partial"); sleep() },
	"polite": func() {
		term := make(chan os.Signal, 1)
		signal.Notify(term, unix.SIGTERM)
		fmt.Println("ready")
		<-term
		fmt.Println("bye")
	},
	"sleeper": sleep,
	"parent":  func() { fmt.Println(child("daemon")) },
	"daemon":  func() { fmt.Println(child("sleeper")) },
	"holder":  func() { fmt.Println(child("stubborn")) }, // which has our stdout
	"many": func() {
		for range 20 {
			child("sleeper")
		}
		sleep()
	},
	"spin": func() {
		fatal(unix.SIGXCPU)
		for begun := time.Now(); time.Since(begun) < time.Minute; {
		}
	},
	"fsize": func() {
		fatal(unix.SIGXFSZ)
		check(os.WriteFile("big", make([]byte, 2000), 0o600))
	},
	"rlimits": func() {
		for _, which := range []int{unix.RLIMIT_CPU, unix.RLIMIT_NOFILE, unix.RLIMIT_FSIZE, unix.RLIMIT_NPROC} {
			var l unix.Rlimit
			check(unix.Prlimit(0, which, nil, &l))
			fmt.Println(which, int64(l.Cur), int64(l.Max))
		}
	},
	"cgroup": func() { // <file> <text> pairs that change while it runs, then an exit code
		last := len(os.Args) - 1
		for i := 1; i < last; i += 2 {
			check(os.WriteFile(os.Args[i], []byte(os.Args[i+1]), 0o600))
		}
		if os.Args[last] == "sleep" {
			sleep()
		}
		code, err := strconv.Atoi(os.Args[last])
		check(err)
		unix.Exit(code)
	},
	"wait": func() {
		fmt.Fprint(os.Stderr, os.Getpid())
		fmt.Print("é")
		fmt.Print("\xe2") // half a character: it comes a little later
		_, err := os.ReadFile("fifo")
		check(err)
		fmt.Print("heard")
	},
	"blocked": blocked,
	"signals": signals,
	"reach":   reach,
	"harm":    harm,
	"unheard": unheard,
	"foreign": foreign,
}

func sleep() { time.Sleep(time.Minute) }

// fatal undoes what Go does with sig.
func fatal(sig syscall.Signal) { check(dispose(sig, byDefault)) }

// child starts another script in a session of its own and returns its PID.
func child(role string) int {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = []string{"RUNNER_TEST_ROLE=" + role}
	cmd.Stdout = os.Stdout
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	check(cmd.Start())
	return cmd.Process.Pid
}

func everyByte() (b []byte) {
	for i := range 256 {
		b = append(b, byte(i))
	}
	return bytes.Repeat(b, 300) // several frames
}

type gift struct {
	Args, Env, FDs []string
	Stdin          []byte
	Dir, File      string
	Session        bool
	Ignored        string
}

func given() {
	g := gift{Args: os.Args[1:], Env: os.Environ()}
	g.Stdin, _ = io.ReadAll(os.Stdin)
	g.Dir, _ = os.Getwd()
	file, _ := os.ReadFile("d/x.txt")
	g.File = string(file)
	var limit unix.Rlimit
	check(unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	for fd := range min(int(limit.Cur), 1024) {
		// Go's own are closed on exec, what was inherited is not.
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			g.FDs = append(g.FDs, strconv.Itoa(fd))
		}
	}
	sid, _ := unix.Getsid(0)
	g.Session = sid == os.Getpid()
	status, _ := os.ReadFile("/proc/self/status")
	_, after, _ := strings.Cut(string(status), "SigIgn:\t")
	g.Ignored = strings.TrimLeft(after[:16], "0")
	check(json.NewEncoder(os.Stdout).Encode(g))
}

// fill prints text often enough for so many bytes.
func fill(size, text string) {
	n, err := strconv.Atoi(size)
	check(err)
	if text == "half" { // JSON cannot say it
		text = "\xe2\x82"
	}
	piece := []byte(strings.Repeat(text, 1+(64<<10)/len(text)))
	for at := 0; n > 0; {
		w, err := os.Stdout.Write(piece[at:min(at+n, len(piece))])
		check(err)
		n, at = n-w, (at+w)%len(piece)
	}
}

// blocked writes until nothing goes any more, says how much that was, and
// waits until all of it is read.
func blocked() {
	check(unix.SetNonblock(1, true))
	total, idle := 0, 0
	for idle < 20 {
		n, err := unix.Write(1, bytes.Repeat([]byte("x"), 4096))
		if err == unix.EAGAIN {
			idle++
			time.Sleep(10 * time.Millisecond)
			continue
		}
		check(err)
		total, idle = total+n, 0
	}
	check(os.WriteFile("fifo", []byte(strconv.Itoa(total)), 0o600))
}

// reach writes a frame to whatever it can open of the processes it was told.
func reach() {
	reached := 0
	for _, pid := range append(os.Args[1:], strconv.Itoa(os.Getppid())) {
		for fd := range 20 {
			f, err := os.OpenFile(fmt.Sprintf("/proc/%s/fd/%d", pid, fd), os.O_WRONLY|unix.O_NONBLOCK, 0)
			if err != nil {
				continue
			}
			reached++
			_, _ = f.WriteString("f 2 0 15 {\"exit_code\":0}\n")
		}
		for _, name := range []string{"mem", "environ"} {
			if _, err := os.ReadFile("/proc/" + pid + "/" + name); !os.IsPermission(err) && !os.IsNotExist(err) {
				reached++
			}
		}
	}
	fmt.Println("reached", reached)
	unix.Exit(7)
}

// signals sends PID 1 all there are but SIGTERM, while it forks and reaps.
func signals() {
	status, err := os.ReadFile("/proc/self/status")
	check(err)
	_, ignored, _ := strings.Cut(string(status), "SigIgn:\t")
	fmt.Println("ignored", ignored[:16])
	for range 300 {
		for s := unix.Signal(1); s < 65; s++ {
			if s != unix.SIGTERM {
				_ = unix.Kill(1, s) // some cannot be sent
			}
		}
	}
	fmt.Println("survived")
	sleep()
}

func sorted(s ...string) []string { slices.Sort(s); return s }
