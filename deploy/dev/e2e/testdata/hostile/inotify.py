# Takes what a user has only so much of: watches, events, timers, queues.
import ctypes, os

libc = ctypes.CDLL(None, use_errno=True)
kinds = {"inotify": lambda: libc.inotify_init1(0), "epoll": lambda: libc.epoll_create1(0), "eventfd": lambda: libc.eventfd(0, 0), "timerfd": lambda: libc.timerfd_create(1, 0)}
for name, make in kinds.items():
    held = []
    while len(held) < 5000:
        fd = make()
        if fd < 0:
            break
        held.append(fd)
        if name == "inotify":
            for i in range(20):
                libc.inotify_add_watch(fd, b"/proc/%d" % (i + 1), 0xFFF)
    for fd in held:
        os.close(fd)
print("done")
