"""The rules for stores. A subclass and the fixture ``storage`` are all an author writes.

Every test makes the buckets it needs, under names nobody else has, and removes them. A test whose ground is already
known to be broken by another is skipped and names that other: mend the failures from the top.

Fixtures to override where the defaults do not suit: ``scheme`` (the first of ``schemes``), ``bucket_names`` (makes
names that the store accepts), ``fresh`` and ``neighbour`` (how further objects of the same account are made),
``odd_keys`` (what keys may look like), ``clock`` (the store's own), ``mounts_here`` (whether this machine can mount).
"""

from __future__ import annotations

from styx.testing.storage.buckets import BucketRules
from styx.testing.storage.declaring import DeclarationRules
from styx.testing.storage.downloading import DownloadRules
from styx.testing.storage.listing import ListRules
from styx.testing.storage.moving import MovingRules
from styx.testing.storage.reaching import ReachingRules
from styx.testing.storage.sharing import SharingRules
from styx.testing.storage.uploading import UploadRules


class StorageConformance(
    DeclarationRules, BucketRules, UploadRules, ListRules, DownloadRules, MovingRules, ReachingRules, SharingRules
):
    """Every rule for stores, one test each. Subclass it and define the fixture ``storage``."""


__all__ = ["StorageConformance"]
