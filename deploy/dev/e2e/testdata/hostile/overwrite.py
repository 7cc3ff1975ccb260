# Replaces what the next run would use, or what this one is made of.
import os
from attempt import attempt, end


def create(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o755))


for path in ("/runner/runner", "/job/job", "/etc/passwd", "/etc/hosts", "/etc/resolv.conf", "/usr/bin/python3", "/bin/sh", "/lib64/ld-linux-x86-64.so.2"):
    attempt("write " + path, os.open, path, os.O_WRONLY)
    attempt("truncate " + path, os.truncate, path, 0)
    attempt("remove " + path, os.unlink, path)
    attempt("rename " + path, os.rename, path, path + ".old")
    attempt("open up " + path, os.chmod, path, 0o777)
    attempt("own " + path, os.chown, path, os.getuid(), -1)
for folder in ("/", "/runner", "/job", "/etc", "/usr/bin", "/usr/lib", "/lib", "/bin", "/root", "/home", "/opt", "/var", "/var/tmp", "/var/lib", "/run", "/srv", "/mnt", "/boot", "/proc", "/sys", "/dev"):
    attempt("a file in " + folder, create, os.path.join(folder, "x"))
    attempt("a folder in " + folder, os.mkdir, os.path.join(folder, "y"))
    attempt("a link in " + folder, os.symlink, "/work", os.path.join(folder, "z"))
attempt("a hard link to the runner", os.link, "/runner/runner", "/work/runner")
end()
