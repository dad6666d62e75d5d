import atexit
import gc
import sys


class Mine:
    def __del__(self):
        raise SystemExit(0)


def collected(phase, info):
    raise KeyboardInterrupt


mine = [Mine() for _ in range(10)]
gc.callbacks.append(collected)
sys.unraisablehook = lambda found: None
atexit.register(lambda: 1 / 0)
mine.clear()
