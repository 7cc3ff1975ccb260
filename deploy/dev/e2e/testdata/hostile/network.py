# Goes out by every protocol that there is.
import errno, socket, struct, sys
from attempt import attempt, end


def tcp(address):
    host, port = address.rsplit(":", 1)
    socket.create_connection((host, int(port)), timeout=2).close()


def udp(host, port, data):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        s.sendto(data, (host, port))
        s.recv(512)


DNS = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01"
for address in ("1.1.1.1:443", "8.8.8.8:53", "169.254.169.254:80", "100.100.100.200:80", "10.96.0.1:443", "10.0.0.1:22", "192.168.0.1:80", "172.17.0.1:2375"):
    attempt("TCP " + address, tcp, address)
for host in ("1.1.1.1", "10.96.0.10", "169.254.20.10"):
    attempt("DNS " + host, udp, host, 53, DNS)
attempt("a name", socket.getaddrinfo, "example.com", 443)
for name, args in {
    "raw": (socket.AF_INET, socket.SOCK_RAW, 1), "raw, IPv6": (socket.AF_INET6, socket.SOCK_RAW, 58),
    "packets": (socket.AF_PACKET, socket.SOCK_RAW, 3), "XDP": (44, socket.SOCK_RAW, 0), "VSOCK": (40, socket.SOCK_STREAM, 0),
}.items():
    def use():
        with socket.socket(*args) as s:
            if name == "VSOCK":
                s.settimeout(2)
                s.connect((2, 1024))
    attempt(name, use)


def sixth():
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as s:
        s.settimeout(2)
        s.connect(("2606:4700:4700::1111", 443))


attempt("IPv6", sixth)


def interface():  # RTM_NEWLINK: a dummy one
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as s:
        s.send(struct.pack("=IHHII", 32, 16, 0x601 | 4, 1, 0) + struct.pack("=BxHiII", 0, 0, 0, 0, 0))
        code = struct.unpack_from("=i", s.recv(4096), 16)[0]
        if code:
            raise OSError(-code, "netlink")


attempt("an interface", interface)
end()
