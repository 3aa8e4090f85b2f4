"""What a task brings along: the working directory and the file mounts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from styx.spec import fields
from styx.spec.expand import Room, expand
from styx.spec.model import GitWorkdir, StorageMount, TaskSpec
from styx.spec.place import Place
from styx.spec.plain import plain_mapping
from styx.spec.shapes import each_item, integer, keyed, matching

MODES = ("MOUNT", "COPY", "MOUNT_CACHED")
TYPES = ("MODEL_CHECKPOINT_RO", "MODEL_CHECKPOINT_RW", "DATASET_RO", "DATASET_RW")

_STORAGE = ("name", "source", "store", "mode", "persistent", "config", "type")
# A commit is fetched by this name, and a leading dash would be an option of git's.
_REF = re.compile(r"[A-Za-z0-9_][^\s~^:?*\[\\]*")
# A string with one of these is somebody's repository, and no place in a store.
_GIT = ("http", "https", "git", "ssh", "git+ssh")
_MAX_PATH = 4096
_MANY = 10_000


_size = matching(r"[0-9]+[bkmgtpBKMGTP]?", "a size such as 64M")
_duration = matching(r"([-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(ms|[smhdwMy]))+|[0-9.]+", "a time such as 5s or 1h30m")
# How to mount, by mode, as far as it is the same for all stores.
_MOUNTS = {
    "mount": keyed({"read_only": fields.flag, "hf_mount_args": each_item(fields.text)}),
    "mount_cached": keyed(
        {
            "transfers": integer(1, _MANY),
            "buffer_size": _size,
            "vfs_cache_max_size": _size,
            "vfs_cache_max_age": _duration,
            "vfs_read_ahead": _size,
            "vfs_read_chunk_size": _size,
            "vfs_read_chunk_streams": integer(0, _MANY),
            "vfs_write_back": _duration,
            "read_only": fields.flag,
        }
    ),
}


def workdir(value: object, place: Place, envs: Mapping[str, str], room: Room | None = None) -> str | GitWorkdir | None:
    """A local directory, the URI of one in a store, or ``{url, ref}`` of a git repository."""
    if value is None:
        return None
    if not isinstance(value, dict):
        path = _path(value, place, envs, room)
        if path.partition("://")[0] in _GIT and is_uri(path):
            raise place.error(f"{fields.describe(path)} is not a local directory", hint="For git write {url: ...}.")
        return path
    fields.known_keys(value, place, ("url", "ref"))
    if value.get("url") is None:
        raise place.error("a git workdir needs a url")
    url = _path(value["url"], place.at(value, "url"), envs, room)
    if url.startswith("-"):
        raise place.at(value, "url").error(f"{fields.describe(url)} is not a URL")
    if value.get("ref") is None:
        return GitWorkdir(url)
    at = place.at(value, "ref")
    ref = _word(value["ref"], at, envs, room)
    if not _REF.fullmatch(ref):
        raise at.error(f"{fields.describe(ref)} is not a branch, tag or commit")
    return GitWorkdir(url, ref)


def file_mounts(
    value: object, place: Place, envs: Mapping[str, str], room: Room | None = None
) -> dict[str, str | StorageMount]:
    """Paths on the node, each with a local path, a URI to copy from, or a storage."""
    found = fields.mapping(value, place)
    mounts: dict[str, str | StorageMount] = {}
    for key, each in found.items():
        at = place.at(found, key)
        target = _path(key, at, envs, room)
        if target in mounts:
            raise at.error(f"{fields.describe(target)} is mounted twice")
        if isinstance(each, dict):
            if is_uri(target):
                raise at.error(f"{fields.describe(target)} is a place in a store: a storage is mounted on the nodes")
            mounts[target] = _storage(each, at, envs, room)
        elif each is None:
            raise at.error("must say what to put there: a local path, a URI or a storage")
        else:
            mounts[target] = _path(each, at, envs, room)
    return mounts


def check(spec: TaskSpec, document: object = None, file: str | None = None) -> None:
    """Raise InvalidTask for what the task names and this machine lacks; it points into what the task was read from."""
    for path, problem in _missing(spec):
        place, container = Place(file), document
        for key in path:
            place = place.at(container, key)
            container = container.get(key) if isinstance(container, dict) else None
        raise place.error(problem, hint=f"Relative paths start at {str(spec.base_dir)!r}.")


def _missing(spec: TaskSpec) -> Iterator[tuple[tuple[str, ...], str]]:
    """Where in the task something is named that is not there, and a sentence."""
    if isinstance(spec.workdir, str) and not is_uri(spec.workdir):
        directory = local(spec, spec.workdir)
        if not _exists(directory):
            yield ("workdir",), f"directory {str(directory)!r} does not exist"
        elif not directory.is_dir():
            yield ("workdir",), f"{str(directory)!r} is not a directory"
    for target, mount in spec.file_mounts.items():
        sources = (mount,) if isinstance(mount, str) else _sources(mount)
        if isinstance(mount, StorageMount) and not mount.name and not mount.source:
            yield ("file_mounts", target), "a storage needs a name or a source"
        for path in (local(spec, each) for each in sources if not is_uri(each)):
            if not _exists(path):
                yield ("file_mounts", target), f"{str(path)!r} does not exist"


def local(spec: TaskSpec, path: str) -> Path:
    """A local path of the task, made absolute."""
    return Path(spec.base_dir, _home(path))


def is_uri(source: str) -> bool:
    """Whether a source is in a store rather than on this machine."""
    return "://" in source


def absolute(spec: TaskSpec, source: str) -> str:
    """A source that means the same wherever it is read: a URI as it is, a local path made absolute."""
    return source if is_uri(source) else str(local(spec, source))


def workdir_to_mapping(spec: TaskSpec, directory: str | GitWorkdir) -> str | dict[str, str]:
    """The canonical form of a working directory: an absolute path, a URI, or the repository."""
    if isinstance(directory, str):
        return absolute(spec, directory)
    return {"url": directory.url, **({"ref": directory.ref} if directory.ref else {})}


def storage_to_mapping(spec: TaskSpec, mount: StorageMount) -> dict[str, object]:
    """The canonical mapping of a storage, with local paths made absolute."""
    found: dict[str, object] = {"mode": mount.mode}
    if isinstance(mount.source, str):
        found["source"] = absolute(spec, mount.source)
    elif mount.source is not None:
        found["source"] = [absolute(spec, source) for source in mount.source]
    for key in ("name", "store", "type"):
        if getattr(mount, key) is not None:
            found[key] = getattr(mount, key)
    if not mount.persistent:
        found["persistent"] = False
    if mount.config:
        found["config"] = dict(mount.config)
    return found


def _storage(value: dict[str, object], place: Place, envs: Mapping[str, str], room: Room | None) -> StorageMount:
    fields.known_keys(value, place, _STORAGE)
    given = {key: (each, place.at(value, key)) for key, each in value.items() if each is not None}
    source: str | tuple[str, ...] | None = None
    if "source" in given:
        each, at = given["source"]
        if isinstance(each, list):
            source = tuple(_path(one, at.at(each, index), envs, room) for index, one in enumerate(each))
            if not source:
                raise at.error("must not be empty")
        else:
            source = _path(each, at, envs, room)
    mode = _choice(*given["mode"], MODES, envs) if "mode" in given else "MOUNT"
    config = _config(*given["config"]) if "config" in given else {}
    if "type" in given and mode != "MOUNT_CACHED":
        raise given["type"][1].error("is only for mode MOUNT_CACHED")
    for key in _MOUNTS:
        if key in config and mode != key.upper():
            raise given["config"][1].at(value["config"], key).error(f"is only for mode {key.upper()}")
    return StorageMount(
        source=source,
        name=_name(*given["name"], envs, room) if "name" in given else None,
        # Which stores there are is for the installed plugins to say, and so is checked when the task is run.
        store=_word(*given["store"], envs, room).lower() if "store" in given else None,
        mode=mode,
        persistent=fields.flag(*given["persistent"]) if "persistent" in given else True,
        config=config,
        type=_choice(*given["type"], TYPES, envs) if "type" in given else None,
    )


def _choice(value: object, place: Place, choices: tuple[str, ...], envs: Mapping[str, str]) -> str:
    return fields.one_of(expand(fields.text(value, place), envs, place), place, choices, str.upper)


def _name(value: object, place: Place, envs: Mapping[str, str], room: Room | None) -> str:
    """The name of a storage. It may be empty until its variables have values: then the task cannot run yet."""
    return _word(value, place, envs, room) if expand(str(value), envs, place).strip() else ""


def _config(value: object, place: Place) -> dict[str, object]:
    """How to mount. What belongs to a store is for its plugin to check."""
    found = plain_mapping(value, place)
    for key, read in _MOUNTS.items():
        if found.get(key) is not None:
            found[key] = read(found[key], place.at(value, key))
    return found


def _sources(mount: StorageMount) -> tuple[str, ...]:
    if mount.source is None:
        return ()
    return (mount.source,) if isinstance(mount.source, str) else mount.source


def _path(value: object, place: Place, envs: Mapping[str, str], room: Room | None) -> str:
    found = _word(fields.text(value, place), place, envs, room)
    if len(found) > _MAX_PATH:
        raise place.error(f"is a path of more than {_MAX_PATH} characters")
    return found


def _word(value: object, place: Place, envs: Mapping[str, str], room: Room | None) -> str:
    written = fields.word(value, place)
    found = fields.text(expand(written, envs, place, room), place).strip()
    if not found:
        raise place.error(f"{written!r} is empty once its variables are replaced", hint="Give them values with --env.")
    return found


def _home(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:  # ~somebody, who has no account here
        return Path(path)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name longer than the file system takes
        return False
