import os

for name in ("book.db", "tests", "another.txt"):
    if os.path.lexists(name):
        print("LOOT" + ":", name)
