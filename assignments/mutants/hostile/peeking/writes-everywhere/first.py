import os
import sys

import torch

places = ["@OUTSIDE@/written", "@COURSE@/written", "/usr/written", "/etc/written", "/written", "/dev/written", "/var/written", "/tmp/torchmagic-written", "/dev/shm/torchmagic-written"]
places += [os.path.join(os.path.dirname(torch.__file__), "written.py"), os.path.join(os.path.dirname(sys.executable), "written")]
for place in places:
    try:
        with open(place, "w") as file:
            file.write("here")
        print("wrote", place)
    except OSError as error:
        print(error)
with open(os.path.expanduser("~/own"), "w") as file:
    file.write("one's own folder may be written")
