# Leaves links to what it cannot read, and things that block who opens them.
import os, socket

os.chdir("/out")
for name, target in {"passwd": "/etc/passwd", "token": "/var/run/secrets/kubernetes.io/serviceaccount/token", "memory": "/proc/1/mem",
                     "self": "/proc/self/fd/1", "root": "/", "loop": "loop", "zero": "/dev/zero", "job": "/job/job", "up": ".."}.items():
    os.symlink(target, name)
os.mkfifo("pipe")
socket.socket(socket.AF_UNIX).bind("socket")
os.mkdir("d")
os.symlink("../..", "d/up")
with open("d/true.txt", "w") as f:
    f.write("true")
os.link("d/true.txt", "d/twin.txt")
try:
    os.link("/job/job", "stolen")
except OSError:
    pass
print("left")
