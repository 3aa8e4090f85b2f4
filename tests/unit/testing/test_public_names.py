"""What ``styx.testing`` hands over on first use."""

from __future__ import annotations

import pkgutil

import styx.testing


def test_no_public_name_is_that_of_a_module() -> None:
    """A module that somebody has imported would be found under that name instead."""
    modules = {module.name for module in pkgutil.iter_modules(styx.testing.__path__)}
    assert modules.isdisjoint(styx.testing.__all__)
