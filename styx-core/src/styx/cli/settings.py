"""Reading and changing the configuration file by dotted keys."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from styx.cli.render import note
from styx.replacing import replacing

Settings = dict[str, Any]

HIDDEN = "(hidden)"
_SECRET_KEY = re.compile(r"passw|secret|token|api_?key|private_?key|credential", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(?<=://)([^/@\s:]*):[^/@\s]*(?=@)")


def path() -> Path:
    """The configuration file; it need not exist."""
    from styx.config import FILE_NAME, home

    return home() / FILE_NAME


def read() -> Settings:
    """All settings as they are written; a missing file is an empty one. Raises InvalidConfig."""
    from styx import plain_yaml
    from styx.config import load_config

    load_config(path())
    try:
        settings: Settings | None = plain_yaml.read(path().read_text(encoding="utf-8"), str(path()))
    except FileNotFoundError:
        return {}
    return settings or {}


def write(settings: Settings) -> None:
    """Replace the file in one step, readable by this user alone. Raises InvalidConfig and then changes nothing."""
    import yaml

    from styx.api.errors import InvalidConfig
    from styx.config import parse_config

    target = path().resolve()  # a link to somebody's dotfiles stays a link
    text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True) if settings else ""
    parse_config(text, str(target))
    try:
        if "#" in (target.read_text(encoding="utf-8") if target.exists() else ""):
            note(f"Comments in {target} are not kept.")
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(target, text)
    except OSError as error:
        raise InvalidConfig(f"cannot write {target}: {error.strerror}", file=str(target)) from error


def _replace(target: Path, text: str) -> None:
    draft = target.with_name(f".{target.name}.{os.urandom(4).hex()}")
    private = partial(os.open, mode=0o600)
    with replacing(target, draft), open(draft, "x", encoding="utf-8", opener=private) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def get(settings: Mapping[str, Any], key: str) -> Any:
    """The value of a dotted key. Raises KeyError."""
    value: Any = settings
    for part in key.split("."):
        if not isinstance(value, Mapping):
            raise KeyError(key)
        value = value[part]
    return value


def put(settings: Settings, key: str, value: Any) -> None:
    """Set a dotted key, making the mappings on the way. Raises BadInput where a plain value stands in the way."""
    from styx.api.errors import BadInput

    *parents, last = key.split(".")
    place = settings
    for depth, part in enumerate(parents, 1):
        inner = place.get(part)
        if inner is None:
            inner = place[part] = {}
        if not isinstance(inner, dict):
            above = ".".join(parents[:depth])
            raise BadInput(f"{above} is a value, not a section", hint=f"`styx config unset {above}` removes it first.")
        place = inner
    place[last] = value


def remove(settings: Settings, key: str) -> None:
    """Remove a dotted key, and the sections that are empty then. Raises KeyError."""
    get(settings, key)
    *parents, last = key.split(".")
    places = [settings]
    for part in parents:
        places.append(places[-1][part])
    del places[-1][last]
    for place, part in zip(reversed(places[:-1]), reversed(parents), strict=True):
        if not place[part]:
            del place[part]


def masked(value: Any, key: str = "") -> Any:
    """The value with passwords and tokens hidden, by the names of their keys and in URLs."""
    if isinstance(value, Mapping):
        return {name: masked(inner, str(name)) for name, inner in value.items()}
    if value is not None and _SECRET_KEY.search(key):
        return HIDDEN
    if isinstance(value, list):
        return [masked(inner) for inner in value]
    return _URL_PASSWORD.sub(rf"\1:{HIDDEN}", value) if isinstance(value, str) else value


def flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting with its dotted key."""
    for name, value in settings.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{key}.")
        else:
            yield key, value
