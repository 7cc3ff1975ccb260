# Memory that is mapped, shared and touched.
import mmap

print("before", flush=True)
held = []
while True:
    m = mmap.mmap(-1, 16 << 20, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
    for i in range(0, len(m), 4096):
        m[i] = 1
    held.append(m)
