import sys
import warnings

import numpy as np

warnings.warn('a warning costs nothing')
print('nor does stderr', file=sys.stderr)
%matplotlib --list
