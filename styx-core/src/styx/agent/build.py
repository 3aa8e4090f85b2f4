"""Builds the agent's archive, on the client. The only part of this package that never runs on a node.

The archive is the same bytes for the same sources, whatever the machine, and is named by what is in it.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = "styx_agent"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip archive can tell
_UNIX, _MODE = 3, 0o100644 << 16
_LAUNCHER = """\
import sys

sys.path.insert(0, __file__.rpartition("/")[0] or ".")
from styx_agent.main import main

sys.exit(main(sys.argv[1:], "{build}"))
"""


def sources() -> dict[str, bytes]:
    """Return the files of the program by name."""
    found = {}
    for name in sorted(os.listdir(HERE)):
        if name.endswith((".py", ".sh")) and name != "build.py":
            with open(os.path.join(HERE, name), "rb") as file:
                found[name] = file.read()
    return found


def build() -> tuple[str, bytes]:
    """Return (file name, zip archive): ``styx-agent-<hash of the content>.pyz``."""
    files = sources()
    digest = hashlib.sha256(_LAUNCHER.encode())
    for name, content in files.items():
        digest.update(b"%s %d\n%s" % (name.encode(), len(content), content))
    stamp = digest.hexdigest()[:16]
    launcher = _LAUNCHER.format(build=stamp).encode()
    members = {"__main__.py": launcher, "main.py": launcher}
    members.update({f"{PACKAGE}/{name}": content for name, content in files.items()})
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for name, content in members.items():
            member = zipfile.ZipInfo(name, _EPOCH)
            member.create_system, member.external_attr = _UNIX, _MODE
            packed.writestr(member, content, zipfile.ZIP_DEFLATED, 9)
    return f"styx-agent-{stamp}.pyz", archive.getvalue()
