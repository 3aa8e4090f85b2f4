"""The providers that ``styx plugins new`` writes, as the reference for the kinds that have none in memory."""

from __future__ import annotations

import atexit
import importlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

from styx.plugins.scaffold import write_package


def generated(kind: str) -> tuple[type[Any], type[Any]]:
    """The class of a freshly written plugin, and that of its settings."""
    place = tempfile.mkdtemp(prefix="styx-generated-")
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    with mock.patch.dict(os.environ, {"STYX_HOME": place}):  # nothing is read from or kept in the user's own
        package = write_package(f"sample-{kind}", kind, Path(place))
    sys.path.insert(0, str(package / "src"))
    module = f"styx_sample_{kind}"
    found = importlib.import_module(f"{module}.{kind}"), importlib.import_module(f"{module}.config")
    stem = f"Sample{kind.capitalize()}{kind.capitalize()}"
    return getattr(found[0], stem), getattr(found[1], f"{stem}Config")
