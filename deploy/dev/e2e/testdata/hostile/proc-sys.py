# Turns the knobs of the kernel, and reads what it knows.
import os
from attempt import attempt, end, read, write

for path in ("/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/kernel/modprobe",
             "/proc/sys/kernel/panic", "/proc/sys/kernel/pid_max", "/proc/sys/vm/overcommit_memory", "/proc/sys/vm/drop_caches",
             "/proc/sys/net/ipv4/ip_forward", "/proc/sys/fs/file-max", "/proc/irq/default_smp_affinity", "/proc/mtrr",
             "/proc/sys/kernel/ns_last_pid", "/proc/sys/fs/binfmt_misc/register", "/proc/bus/pci/devices", "/proc/acpi"):
    attempt("write " + path, write, path)
for path in ("/proc/kcore", "/proc/kmsg", "/proc/keys", "/proc/timer_list", "/proc/latency_stats", "/proc/sched_debug", "/proc/kpagecount", "/proc/vmallocinfo"):
    attempt("read " + path, read, path)
for at, folders, names in os.walk("/proc/sys"):
    for name in names:
        path = os.path.join(at, name)
        attempt("open " + path, os.open, path, os.O_WRONLY | os.O_NONBLOCK)
end()
