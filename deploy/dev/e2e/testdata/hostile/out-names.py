# Names that mean something to who unpacks or prints them.
import os

os.chdir(b"/out")
for name in (b"new\nline", b"re\rturn", b"esc\x1b[31mred", b"bad\xff\xfebytes", b"back\\slash", b"..\\..\\windows", b"tab\tbed", b"del\x7f", b"c1\xc2\x85"):
    os.close(os.open(name, os.O_WRONLY | os.O_CREAT))
for name in (b"..dots", b"-rf", b"a b", b"$(reboot)", b"quote\"<>&'.html", "é\U0001f600".encode()):
    fd = os.open(name, os.O_WRONLY | os.O_CREAT)
    os.write(fd, name)
    os.close(fd)
print("left")
