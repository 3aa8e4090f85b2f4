"""Clouds that break one rule each; everything else they do as the reference does."""

from __future__ import annotations

import clouds_account
import clouds_discarding
import clouds_launching
import clouds_observing
import clouds_preparing
import clouds_removing
import clouds_secrecy
import clouds_spending
import clouds_stopping
import clouds_telling
from clouds_base import WRONG

PARTS = (
    clouds_account,
    clouds_discarding,
    clouds_launching,
    clouds_observing,
    clouds_preparing,
    clouds_removing,
    clouds_secrecy,
    clouds_spending,
    clouds_stopping,
    clouds_telling,
)

__all__ = ["PARTS", "WRONG"]
