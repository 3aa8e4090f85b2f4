"""What every test gets: a home of its own, no settings from the caller's shell, and in unit tests no network."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import hypothesis
import pytest
import pytest_socket

UNIT_TESTS = Path(__file__).parent / "unit"
# Settings of the tests themselves, such as the URL of a database server to use.
KEPT = "STYX_TEST_"

# Where what tests write is in memory: on a disk, directories and commits take longer than the tests that ask for them.
MEMORY = Path("/dev/shm")
ROOM = 4 << 30  # bytes that have to be free there

# How much is tried: little at every run, much with `pytest --hypothesis-profile=thorough`. Time is no property here.
timeless = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("quick", timeless, max_examples=40)
hypothesis.settings.register_profile("thorough", timeless, max_examples=1000)
hypothesis.settings.load_profile("quick")


def pytest_configure() -> None:
    """Let Ctrl-C be heard by what tests start, also where they run behind a shell's ``&``, and files be in memory."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    _keep_files_in_memory()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that have slow tests: processes share the files, and none is to work on alone at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def _keep_files_in_memory() -> None:
    """Temporary ones, where there is room, and where programs among them can run."""
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return
    memory = os.statvfs(MEMORY)
    if memory.f_bavail * memory.f_frsize < ROOM or memory.f_flag & os.ST_NOEXEC:
        return
    place = MEMORY / f"t{os.getuid()}"  # short, for the paths of unix sockets below it
    place.mkdir(exist_ok=True)
    place.chmod(0o711)  # tests that become somebody else go through it
    os.environ["TMPDIR"] = tempfile.tempdir = str(place)


@pytest.fixture(scope="session", autouse=True)
def _clean_environment() -> Iterator[None]:
    """The caller's settings and home are out of reach from here on; what can be fetched again stays shared."""
    with patch.dict(os.environ), tempfile.TemporaryDirectory(prefix="styx-", ignore_cleanup_errors=True) as home:
        os.environ.setdefault("XDG_CACHE_HOME", str(Path.home() / ".cache"))
        _settle_in(home)
        yield


@pytest.fixture
def heard_hangups() -> Iterator[None]:
    """A hangup is heard, here and by what the test starts, also where the tests were started by ``nohup``."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture(autouse=True)
def styx_home(request: pytest.FixtureRequest) -> Iterator[Path]:
    """The ``STYX_HOME`` of this test: empty, and short enough for the paths of unix sockets below it.

    ``HOME`` is its parent. Changes to the environment end with the test, and nothing that Styx remembers of another
    home is left.
    """
    home = tempfile.mkdtemp(prefix="styx-")
    with patch.dict(os.environ):
        _settle_in(home)
        _forget()
        if request.path.is_relative_to(UNIT_TESTS):
            pytest_socket.disable_socket(allow_unix_socket=True)
        yield Path(home, ".styx")
        _forget()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def shared_cache(styx_home: Path, _cache: Path) -> None:
    """The cache of this test's home is that of all tests with this: compiling catalogs takes longer than most tests."""
    styx_home.mkdir(mode=0o700)
    (styx_home / "cache").symlink_to(_cache)


def _settle_in(home: str) -> None:
    for name in list(os.environ):
        if name.startswith(("STYX_", "_STYX_", "SKYPILOT_")) and not name.startswith(KEPT):
            del os.environ[name]
    os.environ["HOME"] = home
    os.environ["STYX_HOME"] = str(Path(home, ".styx"))


def _forget() -> None:
    """Empty the caches of modules that are loaded; loading one for that would only take time."""
    if "styx.plugins" in sys.modules:
        sys.modules["styx.plugins"].reset()
    if "styx.cli.added" in sys.modules:
        sys.modules["styx.cli.added"].plugins.cache_clear()
