"""A real Docker engine, where there is one, and a small image made without any registry."""

from __future__ import annotations

import functools
import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

IMAGE = "styx-test:small"
BUSYBOX = Path("/bin/busybox")
# What a shim needs, and what jobs of these tests do. There is no bash, as in many small images.
APPLETS = (
    "sh basename cat chmod chown cp dd echo env find grep id kill ln ls mkdir mkfifo mv ps pwd rm setsid sleep stat "
    "test touch tr true wc"
)


@functools.cache
def missing() -> str:
    """Why there can be no containers here; empty when there can be."""
    if shutil.which("docker") is None:
        return "needs Docker (Debian: docker.io)"
    if subprocess.run(["docker", "version"], capture_output=True, check=False).returncode:
        return "needs a Docker engine that runs, and the right to use it"
    linked = subprocess.run(["ldd", BUSYBOX], capture_output=True, check=False)
    if not BUSYBOX.exists() or linked.returncode == 0:
        return "needs busybox-static, of which the image is made"
    return ""


def layer() -> bytes:
    """The image's only layer: busybox under its names, and root with a home."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name in ("bin", "etc", "root", "tmp", "usr", "var"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            archive.addfile(entry)
        files = {"bin/busybox": BUSYBOX.read_bytes(), "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\n"}
        files["root/of-the-image"] = b"image\n"
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            archive.addfile(entry, io.BytesIO(content))
        for applet in APPLETS.split():
            entry = tarfile.TarInfo(f"bin/{applet}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(entry)
    return made.getvalue()


def make_image() -> str:
    """Make the image, unless it is there; its name."""
    if docker("image", "inspect", IMAGE, check=False) is None:
        command = ["docker", "import", "--change", "ENV OF_THE_IMAGE=yes", "-", IMAGE]
        subprocess.run(command, input=layer(), capture_output=True, check=True)
    return IMAGE


def docker(*words: str, check: bool = True) -> str | None:
    """What a command of Docker's says; None when it fails and may."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode and not check:
        return None
    assert done.returncode == 0, done.stderr
    return done.stdout


def inspect(container: str) -> dict[str, Any] | None:
    """What Docker tells of a container; None when there is none."""
    said = docker("inspect", container, check=False)
    return None if said is None else json.loads(said)[0]


def remove(container: str) -> None:
    """Remove a container, if it is there."""
    docker("rm", "-f", container, check=False)
