"""Writing the package of a new plugin, from the templates beside this file.

``common/`` goes into every package, ``<kind>/`` into one of that kind, and ``simple/`` over that of a simple cloud. A
template's path says where it goes. In paths
and contents ``@NAME@`` is the plugin's name (``acme-gpu``), ``@STEM@`` the same for file names (``acme_gpu``),
``@MODULE@`` its package (``styx_acme_gpu``), ``@CLASS@`` its class (``AcmeGpuCloud``), and ``@KIND@``, ``@GROUP@``,
``@SECTION@`` and ``@CONTRACT@`` are the kind, its entry-point group, its section of the settings and the contract's
version.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from styx.api.errors import BadInput
from styx.contract import CONTRACT
from styx.plugins import index
from styx.plugins.kinds import KINDS
from styx.plugins.manifest import NAME

TEMPLATES = Path(__file__).parent
SUFFIX = ".tmpl"
NAME_LIMIT = 31  # what the conformance kit allows a provider's name


def write_package(name: str, kind: str, path: Path, *, simple: bool = False) -> Path:
    """Write the package ``styx-<name>`` below ``path`` (which is made if need be), and return its directory.

    All of it is written or nothing. A cloud may be a ``simple`` one, derived from a few calls for single machines.
    Raises BadInput for a name that cannot be one, an unknown kind, a directory that is there already, and one that
    cannot be written.
    """
    if simple and kind != "cloud":
        raise BadInput(f"there is no simple {kind}", hint="Only a cloud can be derived: leave --simple out.")
    words = _words(name, kind)
    package = path / f"styx-{name}"
    if package.exists():
        raise BadInput(f"{package} is there already", hint="Choose another name or --path; nothing is overwritten.")
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path, prefix=".styx-new-") as scratch:
            written = Path(scratch, package.name)
            for target, text in _render([kind, "simple"] if simple else [kind], words):
                (written / target).parent.mkdir(parents=True, exist_ok=True)
                (written / target).write_text(text)
            shutil.move(written, package)
    except OSError as error:
        raise BadInput(
            f"cannot write {package}: {error.strerror or error}", hint="Choose another directory with --path."
        ) from error
    return package


def _words(name: str, kind: str) -> dict[str, str]:
    """What stands for each word of the templates. Raises BadInput for what cannot be."""
    if kind not in KINDS:
        raise BadInput(f"there is no kind of plugin {kind!r}", hint=f"Kinds: {', '.join(KINDS)}.")
    if not NAME.pattern.fullmatch(name) or len(name) > NAME_LIMIT:
        raise BadInput(
            f"{name!r} cannot be the name of a plugin", hint=f"At most {NAME_LIMIT} characters: {NAME.says}."
        )
    if name == "core" or name in _taken_by_core():
        raise BadInput(f"the name {name!r} is taken by styx-core", hint="Choose another name.")
    stem = name.replace("-", "_")
    return {
        "@NAME@": name,
        "@STEM@": stem,
        "@MODULE@": f"styx_{stem}",
        # The kind is part of it, so that no name makes a class that hides one of the contract.
        "@CLASS@": "".join(part.capitalize() for part in (*name.split("-"), kind)),
        "@KIND@": kind,
        "@GROUP@": KINDS[kind].group,
        "@SECTION@": KINDS[kind].section,
        "@CONTRACT@": "{}.{}".format(*CONTRACT[kind]),
    }


def _taken_by_core() -> set[str]:
    """The names of the plugins that ship inside core: a second one of the name could never be used."""
    return {plugin["manifest"]["name"] for plugin in index.read()["plugins"] if plugin["distribution"] == "styx-core"}


def _render(places: Sequence[str], words: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Every file of the package, as (path, text); of two with one path the later counts."""
    for place in (TEMPLATES / name for name in ("common", *places)):
        for template in sorted(place.rglob(f"*{SUFFIX}")):
            target = template.relative_to(place).as_posix().removesuffix(SUFFIX)
            yield _fill(target, words), _fill(template.read_text(), words)


def _fill(text: str, words: dict[str, str]) -> str:
    for word, meaning in words.items():
        text = text.replace(word, meaning)
    return text
