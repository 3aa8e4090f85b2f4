"""Unpacking the program from its archive, once: run from the archive itself it would be compiled at every start."""

from __future__ import annotations

import os
import shutil
import zipfile

from .protocol import AgentError


def unpack(archive: str, directory: str, build: str) -> str:
    """Unpack into ``directory/build``, which is there whole or not at all; return the path of its main.py."""
    target = os.path.join(directory, build)
    program = os.path.join(target, "main.py")
    if os.path.exists(program):
        return program
    if not zipfile.is_zipfile(archive):
        raise AgentError("bad_request", "only the archive can be unpacked")
    os.makedirs(directory, mode=0o700, exist_ok=True)
    draft = os.path.join(directory, f".{build}.{os.getpid()}")
    try:
        _write(archive, draft)
        os.rename(draft, target)
    except OSError:
        if not os.path.exists(program):  # else somebody else was faster
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return program


def _write(archive: str, draft: str) -> None:
    import py_compile

    with zipfile.ZipFile(archive) as packed:
        for name in packed.namelist():
            path = os.path.join(draft, *name.split("/"))
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            with open(path, "wb") as file:
                file.write(packed.read(name))
                file.flush()
                os.fsync(file.fileno())  # else a crash may leave a program that is there by name and empty
    package = os.path.join(draft, "styx_agent")
    for name in os.listdir(package):
        if name.endswith(".py"):
            py_compile.compile(os.path.join(package, name), doraise=True)
