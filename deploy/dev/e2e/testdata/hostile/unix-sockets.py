# Talks to who listens on sockets of the node.
import glob, os, socket
from attempt import attempt, end


def talk(name):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(2)
        s.connect(name)


names = ["/run/containerd/containerd.sock", "/var/run/docker.sock", "/run/crio/crio.sock", "/run/dbus/system_bus_socket", "/run/systemd/private", "/var/lib/kubelet/device-plugins/kubelet.sock"]
names += ["\0" + n for n in ("/containerd-shim/x", "containerd-shim", "dbus", "/com/ubuntu/upstart", "/tmp/.X11-unix/X0")]
with open("/proc/net/unix") as f:
    for line in f.read().splitlines()[1:]:
        name = line.split(maxsplit=7)[7:]
        if name:
            names.append(name[0].replace("@", "\0", 1) if name[0].startswith("@") else name[0])
for top in ("/run", "/var/run", "/tmp"):
    names += glob.glob(top + "/**/*.sock", recursive=True)
for name in names:
    attempt(repr(name), talk, name)
end()
