"""Devices as NVIDIA's library tells them, against a library compiled for the test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from styx.agent.gpus import Nvml

# pytest-xdist has a thread of its own in each worker; what is forked here touches none of what it holds.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
SOURCE = Path(__file__).with_name("fake_nvml.c")
GIB = 1 << 30


@pytest.fixture
def library(tmp_path: Path) -> Callable[..., Nvml]:
    """Compiles the fake library with some macros and opens it."""
    compiler = shutil.which("gcc") or shutil.which("cc") or pytest.skip("needs a C compiler")

    def build(*macros: str) -> Nvml:
        path = tmp_path / "libnvidia-ml.so.1"
        subprocess.run([compiler, "-shared", "-fPIC", *macros, "-o", path, SOURCE], check=True)
        return Nvml(str(path), signs=[str(tmp_path)])

    return build


def test_devices_have_index_name_and_memory(library: Callable[..., Nvml]) -> None:
    """Devices keep the library's index; a lost one is left out, a name that is no text is mended."""
    assert library().devices() == [
        {"index": 0, "name": "NVIDIA Test 0\ufffd", "memory": 80 * GIB},
        {"index": 2, "name": "NVIDIA Test 2\ufffd", "memory": 0},
    ]


def test_usage_is_percent_and_bytes(library: Callable[..., Nvml]) -> None:
    """What a device does not tell is 0."""
    assert library().usage() == [
        {"index": 0, "utilization": 37, "memory_used": GIB, "memory_total": 80 * GIB},
        {"index": 2, "utilization": 0, "memory_used": 0, "memory_total": 0},
    ]


def test_a_library_without_utilization_will_do(library: Callable[..., Nvml]) -> None:
    """A function that is missing and can be missed is missed."""
    assert [device["utilization"] for device in library("-DOLD").usage()] == [0, 0]


@pytest.mark.parametrize("macro", ["-DINIT=9", "-DCOUNT=0"])
def test_no_driver_and_no_device_are_no_devices(library: Callable[..., Nvml], macro: str) -> None:
    """A library that cannot start, or lists nothing, gives an empty list."""
    nvml = library(macro)
    assert (nvml.devices(), nvml.usage()) == ([], [])


def test_another_library_of_that_name_is_no_library(tmp_path: Path) -> None:
    """A file that is no library, and a library without the functions, give an empty list."""
    (tmp_path / "text").write_text("not a library")
    assert Nvml(str(tmp_path / "text"), signs=["/"]).devices() == []
    assert Nvml("libc.so.6", signs=["/"]).usage() == []


def test_without_signs_of_a_driver_nothing_is_loaded() -> None:
    """On a node without NVIDIA's driver asking costs a look at three paths: not even ctypes is imported."""
    code = (
        "import sys; from styx.agent.gpus import Nvml; nvml = Nvml('libc.so.6', ['/no/such/sign']);"
        "assert nvml.devices() == nvml.usage() == []; assert 'ctypes' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_forked_child_opens_its_own(library: Callable[..., Nvml]) -> None:
    """The driver does not let a child use what its parent opened."""
    nvml = library()
    mine = nvml._open()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"own" if nvml._open() is not mine else b"shared")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 10) == b"own"
    os.close(reader)
    os.close(writer)
