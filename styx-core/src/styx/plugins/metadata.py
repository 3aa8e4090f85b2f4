"""Which distributions are installed and what entry points they declare, read from their ``*.dist-info``.

The same answers as :mod:`importlib.metadata` for everything that pip and uv install, at a tenth of its price: importing
that module alone costs as much CPU as all of ``styx --help``.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

SUFFIXES = (".dist-info", ".egg-info")

EntryPoints = dict[str, dict[str, str]]


class Distribution(NamedTuple):
    """One installed distribution with its entry points: group -> name -> value."""

    name: str
    version: str
    entry_points: EntryPoints


def search_path() -> list[str]:
    """The directories to look in: ``sys.path`` without its first entry.

    The first is the directory of the script or the working directory. It differs between ``styx`` and
    ``python -m styx``, and nobody installs there. With ``python -P`` there is no such entry.
    """
    return list(sys.path if sys.flags.safe_path else sys.path[1:])


def metadata_names(directory: str) -> list[str]:
    """The names of the metadata directories in ``directory``, sorted; empty when it cannot be listed."""
    try:
        return sorted(name for name in os.listdir(directory) if name.endswith(SUFFIXES))
    except OSError:
        return []


def distributions(directories: Sequence[str]) -> Iterator[Distribution]:
    """Installed distributions that have entry points.

    Of several copies of one distribution the first on the path counts, as it does for imports.
    """
    seen: set[str] = set()
    for directory in directories:
        for metadata in metadata_names(directory):
            name, version = _name_and_version(metadata)
            if name in seen:
                continue
            seen.add(name)
            found = _read_entry_points(os.path.join(directory, metadata, "entry_points.txt"))
            if found:
                yield Distribution(name, version, found)


def _name_and_version(metadata: str) -> tuple[str, str]:
    """From ``Styx_Acme-1.0.dist-info`` to ``styx-acme`` and ``1.0``; the version is empty where none is written."""
    name, _, rest = metadata.rpartition(".")[0].partition("-")
    version, _, _ = rest.partition("-")  # an egg-info may go on with the version of Python
    return "-".join(part for part in re.split(r"[-_.]+", name.lower()) if part), version


def _read_entry_points(path: str) -> EntryPoints:
    """Parse ``[group]`` headers and ``name = value`` lines; a missing or unreadable file has none."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    groups: EntryPoints = {}
    current: dict[str, str] = {}
    for raw in lines:
        line = raw.strip()
        if line.startswith("[") and line.endswith("]"):
            current = groups.setdefault(line[1:-1], {})
        elif "=" in line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            current[name.strip()] = value.strip()
    return groups
