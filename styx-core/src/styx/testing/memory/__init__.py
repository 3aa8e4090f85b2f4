"""A small, honest reference for each kind, in memory: they keep every rule of the contract and simulate nothing else.

Tests of core run against them, and the kit's deliberately wrong providers deviate from them by one method each.
"""

from styx.testing.memory.account import MemoryAccount
from styx.testing.memory.backend import MemoryBackend, MemoryRuntimes
from styx.testing.memory.cloud import BareMemoryCloud, MemoryCloud
from styx.testing.memory.kinds import MEMORY_CLOUDS, AnonymousMemoryCloud, NamedMemoryCloud, SearchableMemoryCloud
from styx.testing.memory.storage import MemoryObjects, MemoryStorage

__all__ = [
    "MEMORY_CLOUDS",
    "AnonymousMemoryCloud",
    "BareMemoryCloud",
    "MemoryAccount",
    "MemoryBackend",
    "MemoryCloud",
    "MemoryObjects",
    "MemoryRuntimes",
    "MemoryStorage",
    "NamedMemoryCloud",
    "SearchableMemoryCloud",
]
