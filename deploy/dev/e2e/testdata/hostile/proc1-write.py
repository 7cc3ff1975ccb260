# Changes PID 1 through its files.
import os
from attempt import attempt, end, write

for name, text in {
    "mem": b"\0", "comm": b"x", "oom_score_adj": b"1000", "oom_adj": b"15", "clear_refs": b"1", "coredump_filter": b"7f",
    "timerslack_ns": b"999999999", "uid_map": b"0 0 1", "gid_map": b"0 0 1", "setgroups": b"deny", "sched": b"0",
    "autogroup": b"19", "attr/current": b"unconfined", "attr/exec": b"unconfined", "loginuid": b"0", "make-it-fail": b"1",
}.items():
    attempt(name, write, "/proc/1/" + name, text)
for task in os.listdir("/proc/1/task"):
    attempt("name of thread " + task, write, "/proc/1/task/%s/comm" % task, b"x")
for fd in range(64):
    attempt("descriptor %d" % fd, write, "/proc/1/fd/%d" % fd, b"f 0 0 2 {}\n")
end()
