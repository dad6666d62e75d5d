import glob
import os

print(dict(os.environ))
for path in glob.glob("/proc/[0-9]*/environ") + ["/proc/self/environ", "/proc/1/environ", "/proc/thread-self/environ"]:
    try:
        with open(path, "rb") as file:
            print(path, file.read())
    except OSError as error:
        print(path, error)
