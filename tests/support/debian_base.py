"""A small image of the Debian that the tests run on, made of its installed packages: no registry is asked for one."""

from __future__ import annotations

import functools
import io
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

IMAGE = "styx-test:debian-python-ssh"
PACKAGES = (
    "base-files", "bash", "coreutils", "dash", "grep", "libstdc++6", "openssh-client", "sed", "python3", "python3-venv",
)  # fmt: skip
# Where a package has its files in a directory that is a link by now, as Debian has had it since /usr was merged.
MERGED = ("bin", "sbin", "lib", "lib64")


@functools.cache
def missing() -> str:
    """Why none can be made here; empty when one can be."""
    if shutil.which("dpkg-query") is None or shutil.which("apt-cache") is None:
        return "needs Debian, of whose packages the image is made"
    installed = subprocess.run(["dpkg-query", "-W", *PACKAGES], capture_output=True, check=False)
    return "" if installed.returncode == 0 else f"needs the Debian packages {', '.join(PACKAGES)}"


def make_base() -> str:
    """Make the image, unless it is there; its name."""
    there = subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False)
    if there.returncode:
        subprocess.run(["docker", "import", "-", IMAGE], input=_layer(), capture_output=True, check=True)
    return IMAGE


def _layer() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        files = {_place(path): path for path in _files()}
        folders = {str(folder) for place in files for folder in Path(place).parents if folder != Path()}
        for name in sorted({"dev", "proc", "root", "run", "sys", "tmp", *folders}):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            archive.addfile(entry)
        for name in MERGED:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, f"usr/{name}"
            archive.addfile(entry)
        for name, content in (("passwd", b"root:x:0:0:root:/root:/bin/sh\n"), ("group", b"root:x:0:\n")):
            entry = tarfile.TarInfo(f"etc/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for place, path in sorted(files.items()):
            archive.add(path, place, recursive=False)
    return made.getvalue()


def _files() -> Iterator[str]:
    words = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    command = ["apt-cache", "depends", "--recurse", "--installed", *(f"--no-{word}" for word in words), *PACKAGES]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    packages = {line for line in lines if line and not line.startswith((" ", "<"))}
    listed = subprocess.run(["dpkg-query", "-L", *sorted(packages)], capture_output=True, text=True, check=False).stdout
    for path in set(listed.splitlines()):
        if path.startswith("/") and not path.startswith(("/usr/share/doc", "/usr/share/man", "/usr/share/locale")):
            place = Path(path)
            if (place.is_symlink() and path.lstrip("/") not in MERGED) or place.is_file():
                yield path


def _place(path: str) -> str:
    first = path.split("/")[1]
    return f"usr{path}" if first in MERGED else path.lstrip("/")
