# What anybody may read of PID 1 has no secrets in it.
with open("/proc/1/cmdline", "rb") as f:
    print(f.read().replace(b"\0", b" ").decode().strip())
try:
    print(open("/proc/1/environ").read())
except OSError as e:
    print(type(e).__name__)
