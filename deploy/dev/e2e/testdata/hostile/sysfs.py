# Opens all of /sys that claims to be writable.
import os, time
from attempt import attempt, end, write

attempt("/sys/kernel/uevent_helper", write, "/sys/kernel/uevent_helper", b"/work/x")
attempt("/sys/power/state", write, "/sys/power/state", b"mem")
attempt("/sys/firmware", os.listdir, "/sys/firmware/efi")
began = time.monotonic()
for at, folders, names in os.walk("/sys"):
    for name in names:
        path = os.path.join(at, name)
        attempt(path, os.open, path, os.O_WRONLY | os.O_NONBLOCK)
    attempt("a file in " + at, os.open, os.path.join(at, "x"), os.O_WRONLY | os.O_CREAT)
    if time.monotonic() - began > 5:
        break
end()
