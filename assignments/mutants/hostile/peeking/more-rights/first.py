import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
asked = {
    "setuid": lambda: os.setuid(0),
    "setresuid": lambda: os.setresuid(0, 0, 0),
    "setgroups": lambda: os.setgroups([0]),
    "trace the first process": lambda: libc.ptrace(16, 1 if os.getpid() != 1 else 2, 0, 0) and 1 / 0,
    "device": lambda: os.mknod("disk", 0o600 | 0o060000, os.makedev(8, 0)),
    "port": lambda: open("/dev/port", "rb"),
    "memory": lambda: open("/dev/mem", "rb"),
    "reboot": lambda: libc.reboot(0x89ABCDEF) and 1 / 0,
    "host name": lambda: libc.sethostname(b"mine", 4) and 1 / 0,
    "load module": lambda: libc.syscall(175, 0, 0, b"") and 1 / 0,
    "priority": lambda: os.setpriority(os.PRIO_PROCESS, 0, -20),
}
for what, ask in asked.items():
    try:
        ask()
        print("LOOT" + ":", what)
    except (OSError, ZeroDivisionError) as error:
        print(what, error)
