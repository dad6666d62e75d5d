import glob
import os

for path in (*glob.glob("/proc/[0-9]*/cmdline"), "/proc/self/mountinfo", "/proc/self/maps", "/proc/self/environ", "/etc/hosts", "/etc/hostname", "/etc/passwd"):
    if os.path.exists(path):
        with open(path, "rb") as file:
            print(path, file.read().replace(bytes(1), b" ").decode("utf-8", "replace"))
