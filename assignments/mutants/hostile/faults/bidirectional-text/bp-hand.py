def grad_by_hand(W, x, target):
    """‮ reversed ‬ ⁦ isolated ⁩ and ﻿ none"""
    еrror = W * x - target  # this e is Cyrillic
    return 2 * еrror * x
