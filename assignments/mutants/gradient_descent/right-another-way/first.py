%load_ext torchmagic
%hint
%hint q1
%hint no-such-question
import math
