# Files in folders that are closed to everybody.
import itertools, os

print("before", flush=True)
os.mkdir("/out/d")
fd = os.open("/out/d", os.O_RDONLY)
for i in itertools.count():
    f = os.open(str(i), os.O_WRONLY | os.O_CREAT, dir_fd=fd)
    os.write(f, b"x" * 100_000)
    os.fchmod(f, 0)
    os.close(f)
    if i == 10:
        os.mkdir("/out/d/e")
        inner = os.open("/out/d/e", os.O_RDONLY)
        os.chmod("/out/d/e", 0)
        os.chmod("/out/d", 0o300)
