# Sets the clock, the name and the end of the machine.
import ctypes, time
from attempt import attempt, call, end

now = (ctypes.c_long * 2)(1, 0)
s = lambda text: ctypes.c_char_p(text.encode())
timex = (ctypes.c_long * 32)(1, 100000)  # ADJ_OFFSET
for clock in (0, 1, 7, 11):
    attempt("clock_settime %d" % clock, call, 227, clock, ctypes.byref(now))
attempt("settimeofday", call, 164, ctypes.byref(now), None)
attempt("adjtimex", call, 159, ctypes.byref(timex))
attempt("clock_adjtime", call, 305, 0, ctypes.byref(timex))
attempt("sethostname", call, 170, s("x"), 1)
attempt("setdomainname", call, 171, s("x"), 1)
for name, magic in {"restart": 0x1234567, "halt": 0xCDEF0123, "power off": 0x4321FEDC, "kexec": 0x45584543, "suspend": 0xD000FCE2, "Ctrl-Alt-Del": 0x89ABCDEF}.items():
    attempt(name, call, 169, 0xFEE1DEAD, 672274793, magic, None)
if time.time() < 1_600_000_000:
    print("the clock was set")
end()
