"""The index: all manifests in one JSON file, so that listing plugins reads one file and imports nothing.

The file is named by the interpreter and its search path and carries a stamp of everything that changes when a plugin
is installed, removed or edited; a stamp that differs means a rebuild. Names of metadata directories are part of it
because container images clamp modification times.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any
from zlib import crc32

from styx import __version__
from styx.plugins import paths
from styx.plugins.entries import Index
from styx.plugins.metadata import metadata_names, search_path

FORMAT = 3

Stamp = list[list[Any]]


@cache
def read() -> Index:
    """Every installed plugin, from the stored index, which is rebuilt first when it is stale. Read once per process."""
    directories = search_path()
    path = os.path.join(paths.cache_dir(), _file_name(directories))
    stored = _load(path, directories)
    return _rebuild(path, directories) if stored is None else stored


def refresh() -> Index:
    """Forget every stored index, of other interpreters too, and read the manifests again."""
    directory = paths.cache_dir()
    if os.path.isdir(directory):
        for name in os.listdir(directory):
            if name.startswith("plugins-"):
                with suppress(FileNotFoundError):
                    os.unlink(os.path.join(directory, name))
    read.cache_clear()
    return read()


def _file_name(directories: Sequence[str]) -> str:
    return f"plugins-{crc32(json.dumps(_key(directories)).encode()):08x}.json"


def _key(directories: Sequence[str]) -> list[Any]:
    return [FORMAT, __version__, sys.version, sys.prefix, *directories]


def _load(path: str, directories: Sequence[str]) -> Index | None:
    """The stored index, or None when there is none or it is stale."""
    try:
        with open(path, encoding="utf-8") as file:
            stored = json.load(file)
        index: Index = stored["index"]
        fresh = stored["key"] == _key(directories) and stored["stamp"] == _stamp(directories, index)
        # Nobody knows where a package that was not found will turn up, so it is looked for every time.
        complete = all(entry["manifest_path"] for entry in index["plugins"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return index if fresh and complete else None


def _rebuild(path: str, directories: Sequence[str]) -> Index:
    from styx.plugins.discovery import discover

    # Stamped before it is read: a plugin installed meanwhile then makes the index stale, not wrong.
    places = _places(directories)
    found = discover(directories)
    text = json.dumps({"key": _key(directories), "stamp": [places, _manifests(found)], "index": found})
    with suppress(OSError):  # a read-only home: the index then lives in this process only
        paths.write_atomically(path, text)
    return found


def _stamp(directories: Sequence[str], index: Index) -> Stamp:
    return [_places(directories), _manifests(index)]


def _places(directories: Sequence[str]) -> Stamp:
    return [[*_file(place), crc32("\n".join(metadata_names(place)).encode())] for place in directories]


def _manifests(index: Index) -> Stamp:
    return [_file(entry["manifest_path"]) for entry in index["plugins"]]


def _file(path: str) -> list[int]:
    """When the file was last changed (nanoseconds) and its size; zeros when it cannot be looked at."""
    try:
        found = os.stat(path)
    except OSError:
        return [0, 0]
    return [found.st_mtime_ns, found.st_size]
