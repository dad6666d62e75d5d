import locale
import os
import sys
import warnings

warnings.simplefilter("error")
os.chdir("/")
os.umask(0o777)
os.environ.clear()
sys.path.clear()
sys.argv.clear()
sys.dont_write_bytecode = False
locale.setlocale(locale.LC_ALL, "C")
sys.setswitchinterval(1e-6)
