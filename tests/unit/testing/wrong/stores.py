"""Stores that break one rule each; everything else they do as the reference does."""

from __future__ import annotations

import stores_keeping
import stores_moving
import stores_reading
from stores_base import WRONG

PARTS = (stores_keeping, stores_reading, stores_moving)

__all__ = ["PARTS", "WRONG"]
