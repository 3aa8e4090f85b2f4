"""Find modules without importing anything, not even their parent packages."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder


def find_spec(module: str) -> ModuleSpec | None:
    """The spec of a dotted module, or None when it is not installed.

    :func:`importlib.util.find_spec` imports the parents of a dotted name, which runs their code; this does not.
    """
    names = module.split(".")
    if not all(name.isidentifier() for name in names):  # some finders take other names amiss
        return None
    spec = _top_level(names[0])
    for depth in range(2, len(names) + 1):
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(".".join(names[:depth]), list(spec.submodule_search_locations))
    return spec


def package_directories(module: str) -> Sequence[str]:
    """The directories of a package; empty when there is no such package."""
    spec = find_spec(module)
    return list(spec.submodule_search_locations or ()) if spec else []


def _top_level(name: str) -> ModuleSpec | None:
    # Every finder is asked, not only PathFinder: setuptools' editable installs bring their own.
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        spec: ModuleSpec | None = find(name, None, None) if find else None
        if spec is not None:
            return spec
    return None
