"""How often tests kill what they grade with."""

from __future__ import annotations

import os

#: `make faults` kills thirty times; a run of all tests, a few.
KILLS = int(os.environ.get("TORCHMAGIC_KILLS", "8"))
