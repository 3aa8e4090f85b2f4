"""Take down what the contract promises, one line for each name, field, method and error, into docs/reference/contract/.

``python scripts/contract.py`` writes, and refuses where a kind has changed and its version (styx/contract.py) has not:
raise it, or say ``--unreleased`` as long as nobody has that version. A minor version only adds lines; what takes one
away is a new major version. ``--check`` writes nothing, says what differs and exits 1.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "docs" / "reference" / "contract"
# What each kind promises. What is shared is promised by every kind that hands it out.
SHARED = ("styx.api.errors", "styx.api.services")
MODULES = {
    "cloud": (
        "styx.api.catalog", "styx.api.cloud", "styx.api.launch", "styx.api.names", "styx.api.nodes", "styx.api.offers",
        "styx.api.transport", "styx.api.simple", *SHARED,
    ),
    "backend": ("styx.api.backend", "styx.api.transport", *SHARED),
    "storage": ("styx.api.storage", *SHARED),
    "engine": ("styx.api.engine", *SHARED),
    "sandbox": ("styx.api.sandbox", "styx.api.transport", *SHARED),
    "hooks": ("styx.hookspecs",),
}  # fmt: skip


ABSTRACT = "  [abstract]"
FIELD = "  [field"  # and its place


class Surface(NamedTuple):
    """What one kind promises, and the version that says so."""

    kind: str
    version: tuple[int, int]
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """As it is written down."""
        return "\n".join((f"{self.kind} {self.version[0]}.{self.version[1]}", "", *self.lines, ""))


def surface(kind: str) -> Surface:
    """What the code promises today."""
    from styx.contract import CONTRACT

    lines = sorted({line for module in MODULES[kind] for line in _module(module)})
    return Surface(kind, CONTRACT[kind], tuple(lines))


def recorded(kind: str) -> Surface | None:
    """What was taken down last; None when nothing was."""
    path = PLACE / f"{kind}.txt"
    if not path.exists():
        return None
    head, _, *lines = path.read_text(encoding="utf-8").splitlines()
    major, _, minor = head.removeprefix(f"{kind} ").partition(".")
    return Surface(kind, (int(major), int(minor)), tuple(lines))


def objection(old: Surface | None, new: Surface, *, unreleased: bool = False) -> str:
    """Why ``new`` may not follow ``old``; empty when it may."""
    if old is None or old.lines == new.lines or (unreleased and old.version == new.version):
        return ""
    gone, added = sorted(set(old.lines) - set(new.lines)), sorted(set(new.lines) - set(old.lines))
    asked = [line for line in added if _asks_more(line, old)]
    changes = "".join([f"\n  - {line}" for line in gone] + [f"\n  + {line}" for line in added])
    if new.version == old.version:
        return f"the {new.kind} contract is another than {_dotted(old)} says; raise its version:{changes}"
    if (gone or asked) and new.version[0] == old.version[0]:
        what = f"takes something away from {_dotted(old)}" if gone else f"asks for more than {_dotted(old)} did"
        return f"the {new.kind} contract {_dotted(new)} {what}, as no minor version may:{changes}"
    return ""


def _asks_more(line: str, old: Surface) -> bool:
    """Whether a new line is one that what was written before cannot know of: an abstract method, a field to fill in."""
    known = f"{line.partition('.')[0]}: class" in {each.partition(" (")[0] for each in old.lines}
    return known and (line.endswith(ABSTRACT) or (FIELD in line and " = " not in line))


def _dotted(surface: Surface) -> str:
    return f"{surface.version[0]}.{surface.version[1]}"


def _module(name: str) -> Iterator[str]:
    module = import_module(name)
    public = getattr(module, "__all__", None) or [
        each for each, value in vars(module).items()
        if not each.startswith("_") and getattr(value, "__module__", name) == name and not inspect.ismodule(value)
    ]  # fmt: skip
    for each in public:
        value = getattr(module, each)
        if inspect.isclass(value):
            yield from _class(value)
        elif inspect.isfunction(value):
            yield f"{each}{_signature(value)}"
        elif isinstance(value, str | int | float):
            yield f"{each} = {value!r}"


def _class(cls: type[Any]) -> Iterator[str]:
    name = cls.__name__
    yield f"{name}: class ({', '.join(base.__name__ for base in cls.__bases__ if base is not object)})"
    if issubclass(cls, enum.Enum):
        yield from (f"{name}.{member.name} = {member.value!r}" for member in cls)
        return
    if issubclass(cls, BaseException):
        facts = ("code", "exit_code", "fields", "retryable", "elsewhere")
        yield from (f"{name}.{fact} = {getattr(cls, fact)!r}" for fact in facts if hasattr(cls, fact))
    elif dataclasses.is_dataclass(cls):
        yield from (
            f"{name}.{each.name}: {each.type}{_default(each)}{FIELD} {place}]"
            for place, each in enumerate(dataclasses.fields(cls), 1)
        )
    else:
        annotations = inspect.get_annotations(cls)
        yield from (f"{name}.{each}: {what}" for each, what in annotations.items() if not each.startswith("_"))
    made = not dataclasses.is_dataclass(cls) and not getattr(cls, "_is_protocol", False)
    for each, value in vars(cls).items():
        if not each.startswith("_") or (made and each == "__init__"):
            yield from _member(f"{name}.{each}", value)


def _member(name: str, value: object) -> Iterator[str]:
    function = getattr(value, "__func__", value)
    if isinstance(value, property):
        yield f"{name}: property"
    elif inspect.isfunction(function):
        yield f"{name}{_signature(function)}{ABSTRACT if getattr(function, '__isabstractmethod__', False) else ''}"


class _Bare(str):
    """An annotation, which is a text already, without quotes around it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _signature(function: Any) -> str:
    signature = inspect.signature(function)
    parameters = [each.replace(annotation=_bare(each.annotation)) for each in signature.parameters.values()]
    whole = signature.replace(parameters=parameters, return_annotation=_bare(signature.return_annotation))
    return f"{' async ' if inspect.iscoroutinefunction(function) else ''}{whole}"


def _bare(annotation: Any) -> Any:
    return _Bare(annotation) if isinstance(annotation, str) else annotation


def _default(field: dataclasses.Field[Any]) -> str:
    if isinstance(field.default, enum.Enum):
        return f" = {type(field.default).__name__}.{field.default.name}"
    if field.default is not dataclasses.MISSING:
        return f" = {field.default!r}"
    if field.default_factory is not dataclasses.MISSING:
        return f" = {getattr(field.default_factory, '__name__', 'made')}()"
    return ""


def main(arguments: list[str]) -> int:
    """Write what is promised, or with ``--check`` compare it."""
    objections, stale = [], []
    for kind in MODULES:
        old, new = recorded(kind), surface(kind)
        if said := objection(old, new, unreleased="--unreleased" in arguments and "--check" not in arguments):
            objections.append(said)
        elif old != new:
            stale.append(kind)
            if "--check" not in arguments:
                PLACE.mkdir(parents=True, exist_ok=True)
                (PLACE / f"{kind}.txt").write_text(new.text, encoding="utf-8")
    if stale and "--check" in arguments:
        objections.append(
            f"docs/reference/contract is out of date: {', '.join(stale)}; run `python scripts/contract.py`"
        )
    for each in objections:
        print(each, file=sys.stderr)
    return 1 if objections else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
