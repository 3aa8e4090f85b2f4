"""Backends that break one rule each; everything else they do as the reference does."""

from __future__ import annotations

import backends_ending
import backends_losing
import backends_running
import backends_secrets
import backends_telling
from backends_base import WRONG

PARTS = (backends_ending, backends_losing, backends_running, backends_secrets, backends_telling)

__all__ = ["PARTS", "WRONG"]
