# Becomes somebody else, or somebody with more rights.
import glob, os, resource, stat, subprocess
from attempt import attempt, call, end, write

for name in ("setuid", "setgid", "seteuid", "setegid"):
    attempt(name, getattr(os, name), 0)
attempt("setgroups", os.setgroups, [0])
attempt("setresuid", os.setresuid, 0, 0, 0)
attempt("capabilities, ambient", call, 157, 47, 2, 21, 0, 0)
attempt("nice", os.setpriority, os.PRIO_PROCESS, 0, -5)
attempt("real time", os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(10))
attempt("never out of memory", write, "/proc/self/oom_score_adj", b"-1000")
for name in ("RLIMIT_FSIZE", "RLIMIT_CORE", "RLIMIT_CPU"):
    which = getattr(resource, name)
    soft, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        attempt(name, resource.setrlimit, which, (hard + 1, hard + 1))


def privileged(path):
    out = subprocess.run([path, "--version"], capture_output=True, timeout=5)
    raise OSError(out.returncode)  # that it runs is no success; who it runs as is seen below


for folder in ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/lib"):
    for path in glob.glob(folder + "/*"):
        try:
            s = os.stat(path)
        except OSError:
            continue
        if stat.S_ISREG(s.st_mode) and s.st_mode & (stat.S_ISUID | stat.S_ISGID):
            attempt(path, privileged, path)
os.makedirs("/work/bin", exist_ok=True)
with open("/usr/bin/id", "rb") as f, open("/work/bin/id", "wb") as g:
    g.write(f.read())
os.chmod("/work/bin/id", 0o6755)
who = subprocess.run(["/work/bin/id", "-u"], capture_output=True, text=True).stdout.strip()
if who != str(os.getuid()) or who == "0":
    print("as", who)
attempt("chown", os.chown, "/work/bin/id", 0, 0)
end()
