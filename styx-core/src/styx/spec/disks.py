"""The older way to ask for a disk: a storage among the file mounts with ``store: volume``."""

from __future__ import annotations

from collections.abc import Mapping

from styx.spec import fields
from styx.spec.expand import Room, everywhere, expand
from styx.spec.place import Place
from styx.spec.plain import plain_mapping

STORE = "volume"


def disks(
    value: object, place: Place, envs: Mapping[str, str], room: Room
) -> tuple[Mapping[str, object], list[dict[str, object]]]:
    """The file mounts without such storages, and these as ``resources.volumes`` takes them, their variables replaced.

    A source is copied to ``data`` on the disk. A disk goes with its cluster unless it says ``persistent: true``.
    """
    found = fields.mapping(value, place)
    old = {key: each for key, each in found.items() if isinstance(each, dict) and _is_disk(each, envs, place)}
    if not old:
        return found, []
    mounts = {key: each for key, each in found.items() if key not in old}
    volumes: list[dict[str, object]] = []
    for key, written in old.items():
        at = place.at(found, key)
        target, each = expand(key, envs, at, room), everywhere(written, envs, at, room)
        assert isinstance(each, dict)
        fields.known_keys(each, at, ("name", "source", "store", "mode", "persistent", "config"))
        kept = each.get("persistent") is not None and fields.flag(each["persistent"], at.at(each, "persistent"))
        name = {"name": each["name"]} if each.get("name") else {}
        volumes.append({"path": target, **name, "auto_delete": not kept, **plain_mapping(each.get("config"), at)})
        if each.get("source"):
            mounts[f"{target.rstrip('/')}/data"] = each["source"]
    return mounts, volumes


def _is_disk(storage: Mapping[str, object], envs: Mapping[str, str], place: Place) -> bool:
    return expand(str(storage.get("store")), envs, place).lower() == STORE
