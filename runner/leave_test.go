//go:build linux

package runner

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// More scripts: those that take what they may not.
func init() {
	scripts["descriptors"] = descriptorEater
	scripts["writer"] = writer
	scripts["echo"] = echo
	scripts["leave"] = leave
	scripts["steal"] = func() { // what PID 1 reads
		opened := 0
		for fd := range 20 {
			f, err := os.OpenFile(fmt.Sprintf("/proc/%s/fd/%d", os.Args[1], fd), os.O_RDONLY|unix.O_NONBLOCK, 0)
			if err == nil {
				opened++
				f.Close()
			}
		}
		fmt.Println("opened", opened)
		unix.Exit(7)
	}
	scripts["deaf"] = func() { // reads nothing until it is told to
		usr1 := make(chan os.Signal, 1)
		signal.Notify(usr1, unix.SIGUSR1)
		fmt.Println("ready")
		<-usr1
		echo()
	}
	scripts["interrupted"] = func() {
		sigint := make(chan os.Signal, 1)
		signal.Notify(sigint, unix.SIGINT)
		fmt.Println("ready")
		<-sigint
		fmt.Println("interrupted")
	}
}

// echo prints what it reads, piece by piece, and when that has ended.
func echo() {
	buf := make([]byte, 64<<10)
	for {
		n, err := os.Stdin.Read(buf)
		_, _ = os.Stdout.Write(buf[:n])
		if err != nil {
			fmt.Print("|", err)
			return
		}
	}
}

// descriptorEater opens files, as <how> says, and fails.
func descriptorEater() {
	n := 1000
	switch os.Args[1] {
	case "few":
		n = 5
	case "one, far up": // as bash does
		null, err := unix.Open(os.DevNull, unix.O_RDONLY, 0)
		check(err)
		_, _ = unix.FcntlInt(63, unix.F_GETFD, 0)
		check(unix.Dup2(null, 63))
		check(unix.Close(63))
		check(unix.Dup2(null, 63))
		n = 0
	}
	var fds []int
	for range n {
		fd, err := unix.Open(os.DevNull, unix.O_RDONLY, 0)
		if err != nil {
			break
		}
		fds = append(fds, fd)
	}
	if os.Args[1] == "closed again" { // as Python does, the last one first
		for len(fds) > 0 {
			check(unix.Close(fds[len(fds)-1]))
			fds = fds[:len(fds)-1]
		}
	}
	if os.Args[1] == "wait" {
		_, err := unix.Write(1, []byte("open\n"))
		check(err)
		_, _ = unix.Poll(nil, 60_000) // Go would need one more to sleep
	}
	code, err := strconv.Atoi(os.Args[2])
	check(err)
	unix.Exit(code)
}

// writer fills the disk, as <how> says, and waits or exits.
func writer() {
	signal.Ignore(unix.SIGXFSZ)
	const size = 100 << 10
	var err error
	switch os.Args[1] {
	case "files":
		for i := 0; err == nil && i < 20; i++ {
			err = os.WriteFile(fmt.Sprint("f", i), make([]byte, size), 0o600)
		}
	case "empty files":
		for i := 0; err == nil && i < 1000; i++ {
			err = os.WriteFile(fmt.Sprint("f", i), nil, 0o600)
		}
	case "folders":
		for i := 0; err == nil && i < 1000; i++ {
			err = os.Mkdir(fmt.Sprint("d", i), 0o700)
		}
	case "a deep folder":
		for i := 0; err == nil && i < 2*deepest; i++ {
			err = os.Mkdir("d", 0o700)
			check(os.Chdir("d"))
		}
	case "artifacts":
		for i := 0; err == nil && i < 20; i++ {
			err = os.WriteFile(fmt.Sprint("../out/f", i), make([]byte, size), 0o600)
		}
	case "behind a closed door":
		check(os.Mkdir("d", 0o700))
		for i := 0; err == nil && i < 20; i++ {
			err = os.WriteFile(fmt.Sprint("d/f", i), make([]byte, size), 0o600)
		}
		check(os.Chmod("d", 0))
	case "open, without a name":
		for i := 0; err == nil && i < 20; i++ {
			var f *os.File
			f, err = os.Create("f")
			check(err)
			_, err = f.Write(make([]byte, size))
			check(os.Remove("f"))
			kept = append(kept, f)
		}
	case "one file":
		err = os.WriteFile("f", make([]byte, 20*size), 0o600)
	case "a sparse file", "links", "little":
		check(os.WriteFile("f", make([]byte, size), 0o600))
		check(os.Truncate("f", 9*size))
		for i := 0; os.Args[1] == "links" && i < 20; i++ {
			check(os.Link("f", fmt.Sprint("l", i)))
		}
		check(os.Symlink("/", "all"))
		check(syscall.Mkfifo("pipe", 0o600))
	case "a name that goes": // counted with its name, then without
		f, e := os.Create("f")
		check(e)
		_, e = f.Write(make([]byte, 8*size))
		check(e)
		kept = append(kept, f)
		for i := range 30 {
			name := fmt.Sprint("f", i)
			check(os.Rename(filepath.Join(".", map[bool]string{true: "f", false: fmt.Sprint("f", i-1)}[i == 0]), name))
		}
		check(os.Remove("f29"))
	}
	if err != nil {
		fmt.Println(err)
		unix.Exit(1)
	}
	if os.Args[2] == "wait" {
		fmt.Println("written")
		sleep()
	}
	code, err := strconv.Atoi(os.Args[2])
	check(err)
	unix.Exit(code)
}

var kept []*os.File // or they would be closed when they are collected

// leave leaves files below ../out, some of them traps, and exits.
func leave() {
	check(os.Chdir("../out"))
	write := func(name string, b []byte) {
		check(os.MkdirAll(filepath.Dir(name), 0o755))
		check(os.WriteFile(name, b, 0o644))
	}
	switch os.Args[1] {
	case "some":
		write("b", []byte("second"))
		write("d/c.txt", everyByte())
		write("a", nil)
		write("é <\">&", []byte("quoted"))
	case "many":
		for i := range mostArtifacts + 5 {
			write(fmt.Sprintf("%02d", i), []byte{byte(i)})
		}
	case "large":
		write("a", make([]byte, 1<<20))
		check(os.Truncate("a", mostArtifactBytes+1)) // sparse
		write("b", []byte("x"))
		check(os.Truncate("b", mostArtifactBytes-1))
		write("c", []byte("12"))
		write("d", []byte("1"))
	case "traps":
		check(os.Symlink("/etc/passwd", "file"))
		check(os.Symlink("/etc", "folder"))
		check(os.Symlink("..", "up"))
		check(syscall.Mkfifo("pipe", 0o644))
		if unix.Mknod("device", unix.S_IFCHR|0o644, 1<<8|5) != nil { // /dev/zero, which who is not root may not make
			check(os.Symlink("/dev/zero", "device"))
		}
		_, err := net.Listen("unix", "socket")
		check(err)
		write("new\nline", []byte("x"))
		write("in\xffvalid", []byte("x"))
		write("esc\x1b[2J", []byte("x"))
		write(`back\slash`, []byte("x"))
		write("ok", []byte("fine"))
		check(os.Link("ok", "ok too"))
	case "deep":
		for range 300 {
			check(os.Mkdir("dd", 0o755))
			check(os.Chdir("dd"))
		}
		write("x", []byte("too deep"))
	case "longest names":
		for i := range mostArtifacts {
			write(fmt.Sprintf(`%02d%s`, i, strings.Repeat(`"`, 200)+"/"+strings.Repeat(`"`, 52)), []byte("x"))
		}
	case "a crowd":
		for i := range 3*mostNames + 7 {
			write(fmt.Sprintf("%05d", i), nil)
		}
	}
	code, err := strconv.Atoi(os.Args[2])
	check(err)
	unix.Exit(code)
}
