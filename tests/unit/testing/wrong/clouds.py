"""Clouds that break one rule each; everything else they do as the reference does."""

from __future__ import annotations

import clouds_account
import clouds_launching
import clouds_observing
import clouds_removing
import clouds_stopping
from clouds_base import WRONG

PARTS = (clouds_account, clouds_launching, clouds_observing, clouds_removing, clouds_stopping)

__all__ = ["PARTS", "WRONG"]
