"""NVIDIA devices, asked for through the driver's own library, which only nodes that have such devices have.

Indices are the library's, in the order of the PCI bus: a job that is given device 1 needs CUDA_DEVICE_ORDER=PCI_BUS_ID
beside CUDA_VISIBLE_DEVICES, or CUDA counts the fastest first. A device split by MIG is reported as the whole it is.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, Iterator

LIBRARY = "libnvidia-ml.so.1"
# One of these is there whenever the library can work; looking is cheaper than loading ctypes to learn that it cannot.
SIGNS = ("/dev/nvidiactl", "/proc/driver/nvidia", "/dev/dxg")
_NAME_SIZE = 96


class Nvml:
    """The library, loaded on first use and kept. No method raises: what cannot be read is left out or 0."""

    def __init__(self, library: str = LIBRARY, signs: Iterable[str] = SIGNS) -> None:
        self._library = library
        self._signs = tuple(signs)
        self._pid = 0
        self._handle: Any = None

    def devices(self) -> list[dict[str, Any]]:
        """Return ``{index, name, memory}`` of every device; memory in bytes, 0 when the driver does not tell."""
        library = self._open()
        found = []
        for index, device in _each(library):
            name = _text(library, device)
            if name is not None:
                found.append({"index": index, "name": name, "memory": _memory(library, device)[1]})
        return found

    def usage(self) -> list[dict[str, Any]]:
        """Return ``{index, utilization, memory_used, memory_total}`` of every device: percent, and bytes."""
        library = self._open()
        found = []
        for index, device in _each(library):
            used, total = _memory(library, device)
            busy = _utilization(library, device)
            found.append({"index": index, "utilization": busy, "memory_used": used, "memory_total": total})
        return found

    def _open(self) -> Any:
        """Return the library, ready to be asked; None where there is none. A forked child opens its own."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._handle = _load(self._library) if any(map(os.path.exists, self._signs)) else None
        return self._handle


def _load(name: str) -> Any:
    try:
        import ctypes

        library = ctypes.CDLL(name)
        for function in ("DeviceGetHandleByIndex_v2", "DeviceGetCount_v2", "DeviceGetName", "DeviceGetMemoryInfo"):
            getattr(library, "nvml" + function)
        return library if library.nvmlInit_v2() == 0 else None
    except (ImportError, OSError, AttributeError):  # no ctypes, no library, or another library of that name
        return None


def _each(library: Any) -> Iterator[tuple[int, Any]]:
    if library is None:
        return
    import ctypes

    count = ctypes.c_uint()
    if library.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
        return
    for index in range(count.value):
        device = ctypes.c_void_p()
        # A device that has fallen off its bus, or that this container may not use, is one that is not there.
        if library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(device)) == 0:
            yield index, device


def _text(library: Any, device: Any) -> str | None:
    import ctypes

    name = ctypes.create_string_buffer(_NAME_SIZE)
    if library.nvmlDeviceGetName(device, name, ctypes.c_uint(_NAME_SIZE)) != 0:
        return None
    return name.value.decode("utf-8", "replace")


def _memory(library: Any, device: Any) -> tuple[int, int]:
    """Return (used, total) in bytes; devices that share the machine's memory have none of their own."""
    import ctypes

    figures = (ctypes.c_ulonglong * 3)()  # nvmlMemory_t: total, free, used
    if library.nvmlDeviceGetMemoryInfo(device, figures) != 0:
        return 0, 0
    return int(figures[2]), int(figures[0])


def _utilization(library: Any, device: Any) -> int:
    import ctypes

    figures = (ctypes.c_uint * 2)()  # nvmlUtilization_t: of the processors, of the memory's bandwidth
    ask = getattr(library, "nvmlDeviceGetUtilizationRates", None)
    if ask is None or ask(device, figures) != 0:
        return 0
    return min(int(figures[0]), 100)


_nvml = Nvml()
devices = _nvml.devices
usage = _nvml.usage
