# Many files, each of them small.
import itertools

print("before", flush=True)
for i in itertools.count():
    with open("/tmp/%d" % i, "wb") as f:
        f.write(b"x" * 100_000)
