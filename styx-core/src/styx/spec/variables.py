"""``envs`` and ``secrets``: variables with a value, secrets that come later, and secrets that somebody else keeps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from styx.spec import fields
from styx.spec.place import Place
from styx.spec.plain import plain_mapping

ENVS = "envs"
SECRETS = "secrets"

_REFERENCE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S.*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MANAGED = "secrets:"  # how SkyPilot marks the name of a secret that a plugin keeps


class Variables(NamedTuple):
    """The variables of ``envs`` or ``secrets``; only secrets may be without a value, or be kept elsewhere."""

    values: dict[str, str]
    references: dict[str, str]
    missing: dict[str, Place]
    managed: list[str]  # names of secrets that a plugin knows, for managed_secrets


def variables(kind: str, value: object, place: Place, given: Mapping[str, object] | None = None) -> Variables:
    """Read ``envs`` or ``secrets``; those ``given`` win over those written.

    No message shows a value: it may be a secret.
    """
    found = Variables({}, {}, {}, [])
    if kind == SECRETS and isinstance(value, list):
        names = [fields.word(each, place.at(value, index)) for index, each in enumerate(value)]
        found.managed.extend(each.removeprefix(_MANAGED) for each in names)
        value = None
    written = fields.mapping(value, place)
    given = plain_mapping(given, Place(field=kind))
    for key in (*written, *(key for key in given if key not in written)):
        at = place.at(written, key) if key in written else Place(field=f"{kind}.{key}")
        each = given.get(key, written.get(key))
        if kind == SECRETS and each is None and not is_variable(key):
            found.managed.append(fields.word(key.removeprefix(_MANAGED), at))
        else:
            _add(found, kind, key, each, at)
    return found


def is_variable(name: str) -> bool:
    """Whether a shell takes this as the name of a variable."""
    return _VARIABLE.fullmatch(name) is not None


def variable_name(name: str, place: Place) -> str:
    """The name, where a shell takes it as that of a variable. Raises InvalidTask."""
    if not is_variable(name):
        raise place.error(f"{fields.describe(name)} is not a variable name: letters, digits and _, no digit first")
    return name


def _add(found: Variables, kind: str, key: str, value: object, place: Place) -> None:
    variable_name(key, place)
    if value is None and kind == ENVS:
        hint = f'Give it with `--env {key}=VALUE`; "" makes it empty.'
        raise place.error(f"variable {key!r} has no value", hint=hint)
    if value is None:
        found.missing[key] = place
    elif isinstance(value, dict) and kind == SECRETS:
        found.references[key] = _reference(value, place)
    else:
        found.values[key] = _variable(value, place)


def _variable(value: object, place: Place) -> str:
    if not isinstance(value, (str, int, float)):
        raise place.error(f"must be text, not {fields.describe(value)}")
    text = str(value)
    if "\0" in text:
        raise place.error("holds a NUL character, which no environment variable can")
    return text


def _reference(value: dict[str, object], place: Place) -> str:
    """``{ref: "scheme:name"}``: where a plugin finds the secret. What is no reference may be the secret itself."""
    text = value.get("ref") if len(value) == 1 else None
    if not isinstance(text, str) or not text.isprintable() or not _REFERENCE.fullmatch(text):
        raise place.error("is not a reference to a secret", hint='For example: {ref: "vault:team/key"}.')
    return text
