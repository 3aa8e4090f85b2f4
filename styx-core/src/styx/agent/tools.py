"""What comes first on the PATH of jobs: python and pip that work where the system's own do not, see python.sh."""

from __future__ import annotations

import os
import shlex

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "python.sh")
NAMES = ("python", "python3", "pip", "pip3")


def provide(state: str) -> str:
    """Put them into the state directory, for this build; return the directories for PATH. Raises OSError."""
    directory = os.path.join(state, "tools")
    os.makedirs(directory, exist_ok=True)
    for name in NAMES:
        path = os.path.join(directory, name)
        with open(path + ".new", "w") as file:
            file.write(f'#!/bin/sh\nexec /bin/sh {shlex.quote(SCRIPT)} {shlex.quote(state)} {name} "$@"\n')
        os.chmod(path + ".new", 0o700)
        os.replace(path + ".new", path)
    return f"{state}/python/bin:{directory}"
