# Takes from PID 1 what it needs, and fails. What is said about it must not be
# that it completed.
import os, resource, sys

print("before", flush=True)
for which in (resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE, resource.RLIMIT_AS, resource.RLIMIT_STACK, resource.RLIMIT_CPU):
    try:
        resource.prlimit(1, which, (0, 0))
    except (OSError, ValueError):
        pass
sys.exit(5)
