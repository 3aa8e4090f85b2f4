"""Amounts as people write them: ``4+`` CPUs, ``16GB+`` or ``16x`` of memory, ``1TB`` of disk, ``2h`` of idleness."""

from __future__ import annotations

import re

from styx.spec import fields
from styx.spec.model import Amount
from styx.spec.place import Place

SMALLEST = 1e-4  # of a vCPU or a GiB; also what keeps amounts from being written with an exponent
MAX_CPUS = 100_000
MAX_MEMORY = 1_000_000  # GiB
MAX_DISK = 10_000_000  # GiB
MAX_MINUTES = 1_000_000  # almost two years: what agents take

_FLAGS = re.IGNORECASE | re.ASCII
_NUMBER = r"(\d{1,12}(?:\.\d{1,20})?|\.\d{1,20})"
_CPUS = re.compile(_NUMBER + r"\s*(\+?)", re.ASCII)
_MEMORY = re.compile(_NUMBER + r"\s*(?:([KMGTP])i?B?|(x))?\s*(\+?)", _FLAGS)
_DISK = re.compile(r"(\d{1,12})\s*(?:([KMGTP])i?B?)?", _FLAGS)
_TIME = re.compile(r"(\d{1,9})\s*([mhdw]?)", _FLAGS)
# One unit of memory in GiB. A GB and a GiB are the same here, as with every provider.
_GIB = {"k": 2.0**-20, "m": 2.0**-10, "g": 1.0, "t": 1024.0, "p": 1024.0**2}
_MINUTES = {"": 1, "m": 1, "h": 60, "d": 24 * 60, "w": 7 * 24 * 60}


def cpus(value: object, place: Place) -> Amount:
    """``4``, ``"4"`` or ``"4+"``."""
    written = _written(value, place)
    match = _CPUS.fullmatch(written)
    if match is None:
        raise place.error(
            f"must be a number of vCPUs, with + for at least, such as 4 or 4+; not {fields.describe(value)}"
        )
    return Amount(_positive(float(match[1]), place, MAX_CPUS), at_least=bool(match[2]))


def memory(value: object, place: Place) -> Amount:
    """``16``, ``"16+"``, ``"16GB+"`` or, for each vCPU, ``"16x"``; in GiB."""
    written = _written(value, place)
    match = _MEMORY.fullmatch(written)
    if match is None:
        raise place.error(
            f"must be an amount of memory in GB, such as 16, 16+, 512MB or 4x (for each vCPU); "
            f"not {fields.describe(value)}"
        )
    size = float(match[1]) * _GIB[(match[2] or "g").lower()]
    return Amount(_positive(size, place, MAX_MEMORY), at_least=bool(match[4]), per_cpu=bool(match[3]))


def disk(value: object, place: Place) -> int:
    """``100``, ``"100GB"`` or ``"1TB"``; whole GiB."""
    written = _written(value, place)
    match = _DISK.fullmatch(written)
    if match is None:
        raise place.error(f"must be a whole number of GB, such as 100, 100GB or 1TB; not {fields.describe(value)}")
    size = int(match[1]) * _GIB[(match[2] or "g").lower()]
    if not size.is_integer():
        raise place.error(f"must be a whole number of GB, not {fields.describe(value)}")
    return int(_positive(size, place, MAX_DISK))


def minutes(value: object, place: Place) -> int:
    """A number of minutes, or one with a unit: ``10m``, ``2h``, ``1d``, ``1w``."""
    match = _TIME.fullmatch(_written(value, place))
    if match is None:
        raise place.error(f"must be a number of minutes, or a time such as 10m, 2h or 1d; not {fields.describe(value)}")
    return fields.within(int(match[1]) * _MINUTES[match[2].lower()], place, 0, MAX_MINUTES)


def _written(value: object, place: Place) -> str:
    """The value as text, so that a number and the text of one are read alike."""
    if isinstance(value, bool):
        raise place.error(f"must be a number, not {fields.describe(value)}")
    if isinstance(value, float):
        value = fields.number(value, place, -1e15, 1e15)
        return str(int(value)) if value.is_integer() else f"{value:.20f}".rstrip("0")
    if isinstance(value, int):
        return str(fields.within(value, place, -(10**15), 10**15))
    return fields.text(value, place).strip()


def _positive(number: float, place: Place, limit: float) -> float:
    if not SMALLEST <= number <= limit:
        raise place.error(f"must be more than 0 and at most {limit}, not {number:g}")
    return number
