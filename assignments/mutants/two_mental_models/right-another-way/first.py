%load_ext torchmagic
%hint q3
import numpy as np
