# Dies with a lot of memory, and hopes for a core file.
import os, signal

held = b"x" * (20 << 20)
pid = os.fork()
if pid == 0:
    os.abort()
os.waitpid(pid, 0)
found = [n for top in (".", "/tmp", "/out") for n in os.listdir(top) if n.startswith("core")]
print("found", found, flush=True)
os.kill(os.getpid(), signal.SIGSEGV)
