package client

import (
	"errors"
	"flag"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// define adds the flags of s, of one run.
func (s *submission) define(fs *flag.FlagSet) {
	fs.StringVar(&s.Language, "language", "", "`ID` or alias (default by the suffix of FILE)")
	fs.StringVar(&s.EntryPoint, "entry", "", "`PATH` of the script among the files of --file and --dir; all arguments are then its own")
	fs.StringVar(&s.dir, "dir", "", "`DIR` whose files, but those with a dot in front, lie in the script's folder")
	fs.StringVar(&s.Stdin, "stdin", "", "`TEXT` that the script reads; - for the client's own stdin")
	fs.StringVar(&s.stdinFile, "stdin-file", "", "`FILE` that the script reads on stdin")
	fs.StringVar(&s.expectFile, "expect", "", "`FILE` with what the script should print; exit code 1 if it does not")
	s.defineShared(fs)
}

// defineShared adds those that the runs of a batch have, too.
func (s *submission) defineShared(fs *flag.FlagSet) {
	s.Env, s.Labels = map[string]string{}, map[string]string{}
	fs.StringVar(&s.Version, "version", "", "`VERSION` of the language (default its own)")
	fs.Func("file", "`LOCAL[:PATH]` that lies beside the script; repeatable", s.addFile)
	fs.Func("env", "`NAME=VALUE` in the script's environment; repeatable", pair(s.Env))
	fs.Func("label", "`NAME=VALUE` that labels the run; repeatable", pair(s.Labels))
	fs.StringVar(&s.comparison.Comparison, "comparison", "", "`HOW` output is compared: exact, trim (default), tokens or float")
	fs.Float64Var(&s.comparison.Tolerance, "tolerance", 0, "`DIFFERENCE` that numbers may have, of the comparison float")
	s.defineLimits(fs)
	s.defineHow(fs)
}

// defineLimits adds those that bound it.
func (s *submission) defineLimits(fs *flag.FlagSet) {
	l := &s.Limits
	const aSize, aNumber = "bytes, such as 256Mi", "a whole number"
	fs.Func("timeout", "`TIME` that the script may run, such as 10s", amount(&l.TimeoutSeconds, parseSeconds, "whole seconds, such as 10s or 10"))
	fs.Func("cpu", "`CORES`, such as 500m or 1", amount(&l.CPUMillis, parseCPU, "cores, such as 500m or 1"))
	fs.Func("cpu-seconds", "`SECONDS` of CPU time of all processes", amount(&l.CPUSeconds, parseSeconds, "whole seconds, such as 10s or 10"))
	fs.Func("memory", "`BYTES` of memory, such as 256Mi", amount(&l.MemoryBytes, parseSize, aSize))
	fs.Func("disk", "`BYTES` of all files, such as 64Mi", amount(&l.DiskBytes, parseSize, aSize))
	fs.Func("file-size", "`BYTES` of each file, such as 1Mi", amount(&l.FileBytes, parseSize, aSize))
	fs.Func("open-files", "`N` files that each process has open", amount(&l.OpenFiles, parseCount, aNumber))
	fs.Func("processes", "`N` processes and threads at one time", amount(&l.Processes, parseCount, aNumber))
	fs.Func("output-bytes", "`BYTES` that are kept of each stream, such as 1Mi", amount(&l.OutputBytes, parseSize, aSize))
}

// defineHow adds those that say when and where it runs.
func (s *submission) defineHow(fs *flag.FlagSet) {
	fs.StringVar(&s.Priority, "priority", "", "`PRIORITY`: critical, high, normal, low or background")
	fs.StringVar(&s.Pool, "pool", "", "`POOL` whose capacity the run takes")
	fs.Func("egress", "`CIDR[:PORT,…]` that the script may connect to; repeatable", s.addEgress)
	fs.Func("retry", "`N` attempts in all, if the platform fails", s.setRetry)
	fs.BoolVar(&s.retry.OnLoss, "retry-on-loss", false, "with --retry: also if the script had started and was lost with its node")
	fs.StringVar(&s.CallbackURL, "callback", "", "`URL` that is told of the end")
}

// addEgress notes a range of addresses, and ports.
func (s *submission) addEgress(arg string) error {
	e, err := parseEgress(arg)
	s.Network.Egress = append(s.Network.Egress, e)
	return err
}

// parseEgress reads CIDR or CIDR:PORT,PORT. Of IPv6, colons in front of the
// slash are of the address.
func parseEgress(arg string) (e execution.Egress, err error) {
	wrong := errors.New("must be CIDR or CIDR:PORT,…, such as 192.0.2.0/24:443")
	address, rest, _ := strings.Cut(arg, "/")
	bits, ports, has := strings.Cut(rest, ":")
	e.CIDR = address + "/" + bits
	if _, err := netip.ParsePrefix(e.CIDR); err != nil {
		return e, wrong
	}
	for text := range strings.SplitSeq(ports, ",") {
		if !has {
			break
		}
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil || port == 0 {
			return e, wrong
		}
		e.Ports = append(e.Ports, int32(port))
	}
	return e, nil
}

// egressText is e as parseEgress reads it.
func egressText(e execution.Egress) string {
	var ports []string
	for _, p := range e.Ports {
		ports = append(ports, strconv.Itoa(int(p)))
	}
	if len(ports) == 0 {
		return e.CIDR
	}
	return e.CIDR + ":" + strings.Join(ports, ",")
}

func (s *submission) setRetry(arg string) error {
	n, ok := parseCount(arg)
	if !ok || n < 1 || n > 100 {
		return errors.New("must be a number of attempts, such as 3")
	}
	s.retry.MaxAttempts = int32(n)
	return nil
}

// parseCount reads a whole number.
func parseCount(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// setTime is a flag that is a time, or how long from now that is.
func setTime(t *string) func(string) error {
	return func(s string) error {
		at, err := time.Parse(time.RFC3339, s)
		if d, wrong := time.ParseDuration(strings.TrimPrefix(s, "+")); wrong == nil && d >= 0 {
			at, err = time.Now().Add(d), nil
		}
		if err != nil {
			return errors.New("must be a time such as 2026-08-01T12:00:00Z, or in how long, such as 10m")
		}
		*t = at.UTC().Format(time.RFC3339)
		return nil
	}
}
