# The system calls that most ways out of a container began with.
import ctypes
from attempt import attempt, call, end

zero = ctypes.create_string_buffer(256)
p = ctypes.byref(zero)
s = lambda text: ctypes.c_char_p(text.encode())
for name, args in {
    "bpf, a map": (321, 0, p, 72), "bpf, a program": (321, 5, p, 72),
    "keyctl": (250, 0, -3, 1), "add_key": (248, s("user"), s("x"), s("x"), 1, -2), "request_key": (249, s("user"), s("x"), None, -2),
    "io_uring": (425, 8, p), "perf_event_open": (298, p, 0, -1, -1, 0), "userfaultfd": (323, 0),
    "init_module": (175, p, 256, s("")), "finit_module": (313, 0, s(""), 0), "delete_module": (176, s("x"), 0),
    "kexec_load": (246, 0, 0, 0, 0), "kexec_file_load": (320, 0, 0, 0, None, 0),
    "open_by_handle_at": (304, -100, p, 0), "quotactl": (179, 0, None, 0, p), "acct": (163, s("/work/x")), "swapon": (167, s("/work/x"), 0),
    "syslog, read": (103, 3, p, 256), "syslog, clear": (103, 5, None, 0), "iopl": (172, 3), "ioperm": (173, 0x70, 2, 1),
    "vhangup": (153,), "lookup_dcookie": (212, 1, p, 256), "nfsservctl": (180, 0, None, None), "uselib": (134, s("/work/x")),
    "move_pages of PID 1": (279, 1, 1, p, p, p, 0), "migrate_pages": (256, 1, 8, p, p), "set_mempolicy": (238, 1, p, 8), "fanotify": (300, 0, 0),
}.items():
    attempt(name, call, *args)
end()
