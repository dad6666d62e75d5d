import os

for number in range(1_000_000):
    os.mkdir(f"{number}")
    open(f"{number}/file", "w").close()
