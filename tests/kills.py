"""How often tests kill what they grade with."""

from __future__ import annotations

import os

#: Thirty times each, or as `make faults KILLS=5` says.
KILLS = int(os.environ.get("TORCHMAGIC_KILLS", "30"))
