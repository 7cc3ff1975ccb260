# Makes devices, and opens those of the node.
import glob, os, stat
from attempt import attempt, end

for folder in ("/work", "/tmp", "/out", "/dev", "/dev/shm"):
    for name, kind, major, minor in (("mem", stat.S_IFCHR, 1, 1), ("kmsg", stat.S_IFCHR, 1, 11), ("disk", stat.S_IFBLK, 8, 0), ("vd", stat.S_IFBLK, 254, 0)):
        attempt("%s/%s" % (folder, name), os.mknod, os.path.join(folder, name), kind | 0o666, os.makedev(major, minor))
HARMLESS = {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "stdin", "stdout", "stderr", "fd", "core"}
for path in glob.glob("/dev/*") + ["/dev/mem", "/dev/port", "/dev/kmsg", "/dev/kvm", "/dev/fuse", "/dev/loop-control", "/dev/net/tun", "/dev/vhost-net", "/dev/sda", "/dev/vda", "/dev/nvme0n1"]:
    if os.path.basename(path) not in HARMLESS and not os.path.isdir(path) and not os.path.basename(path) == "termination-log":
        attempt("open " + path, os.open, path, os.O_RDWR | os.O_NONBLOCK)
end()
