# Many processes, of which none takes much CPU time.
import os

print("before", flush=True)
for _ in range(7):
    if os.fork() == 0:
        break
while True:
    pass
