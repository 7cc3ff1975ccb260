# A chain of folders in which nobody finds what is at its end.
import os, time

print("before", flush=True)
for _ in range(3000):
    os.mkdir("d")
    os.chdir("d")
time.sleep(20)
