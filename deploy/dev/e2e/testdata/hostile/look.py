# What a script sees of its surroundings, as JSON. Its arguments are addresses
# that it must not reach, as HOST:PORT.
import json, os, socket, sys, time


def attempt(f):
    began = time.monotonic()
    try:
        f()
        how = "worked"
    except Exception as e:
        how = type(e).__name__
    return [how, time.monotonic() - began]


def write(path):
    with open(path, "w") as f:
        f.write("x")


def dial(address):
    host, port = address.rsplit(":", 1)
    socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()


status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
addresses = sys.argv[1:]
if "KUBERNETES_SERVICE_HOST" in os.environ:
    addresses.append(os.environ["KUBERNETES_SERVICE_HOST"] + ":443")
print(json.dumps({
    "ids": [os.getuid(), os.geteuid(), os.getgid(), os.getegid()],
    "groups": os.getgroups(),
    "status": {k: status[k].strip() for k in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"]},
    "tokens": [os.path.join(at, name) for top in ["/var/run/secrets", "/run/secrets"] for at, _, names in os.walk(top) for name in names],
    "kubernetes": sorted(k for k in os.environ if "KUBERNETES" in k or "SERVICE" in k),
    "writes": {p: attempt(lambda: write(p))[0] for p in [
        "/x", "/usr/bin/x", "/etc/passwd", "/lib/x", "/var/x", "/root/x", "/runner/x", "/runner/runner", "/job/x",
        "/proc/sys/kernel/hostname", "/proc/sysrq-trigger", "/sys/fs/cgroup/x", "/sys/kernel/x", "/dev/x"]},
    "own": {p: attempt(lambda: write(p))[0] for p in ["x", "/tmp/x"]},
    "network": {a: attempt(lambda: dial(a)) for a in addresses},
    "dns": attempt(lambda: socket.getaddrinfo("kubernetes.default.svc.cluster.local", 443)),
    "powers": {
        "setuid": attempt(lambda: os.setuid(0))[0],
        "setgroups": attempt(lambda: os.setgroups([0]))[0],
        "chroot": attempt(lambda: os.chroot("/"))[0],
        "mknod": attempt(lambda: os.mknod("/tmp/null", 0o666 | 0o020000, os.makedev(1, 3)))[0],
        "raw socket": attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))[0],
        "nice": attempt(lambda: os.setpriority(os.PRIO_PROCESS, 0, -5))[0],
        "memory of PID 1": attempt(lambda: open("/proc/1/mem", "rb"))[0],
        "environment of PID 1": attempt(lambda: open("/proc/1/environ", "rb").read())[0],
        "descriptors of PID 1": attempt(lambda: os.listdir("/proc/1/fd"))[0],
        "devices": attempt(lambda: open("/dev/mem", "rb"))[0],
    },
}))
