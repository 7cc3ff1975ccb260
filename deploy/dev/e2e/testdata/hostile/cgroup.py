# Leaves its cgroup, or lifts its limits.
import glob, os
from attempt import attempt, end, write

ROOT = "/sys/fs/cgroup"
for name in ("cgroup.procs", "memory.max", "pids.max", "cpu.max", "cgroup.subtree_control", "cgroup.kill", "cgroup.freeze"):
    attempt(name, write, os.path.join(ROOT, name), b"max")
for controller in glob.glob(ROOT + "/*/"):
    for name in ("cgroup.procs", "tasks", "release_agent", "notify_on_release", "memory.limit_in_bytes", "memory.oom_control",
                 "pids.max", "cpu.cfs_quota_us", "devices.allow", "freezer.state", "cgroup.clone_children"):
        attempt(controller + name, write, controller + name, b"0")
    attempt("a group in " + controller, os.mkdir, controller + "x")
attempt("a group", os.mkdir, ROOT + "/x")
for parent in ("..", "../..", "../../.."):
    attempt("above, " + parent, write, os.path.join(ROOT, "memory", parent, "cgroup.procs"), b"0")
end()
