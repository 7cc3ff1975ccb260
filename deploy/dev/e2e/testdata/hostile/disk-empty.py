# Files with nothing in them cost inodes.
import itertools, os

print("before", flush=True)
for i in itertools.count():
    os.close(os.open("%d" % i, os.O_CREAT))
