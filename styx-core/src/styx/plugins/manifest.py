"""The manifest, ``styx-plugin.toml``: what a plugin says of itself, readable without importing it.

::

    name = "acme"                          # the same as its entry point in the group styx.plugins
    summary = "GPU machines of Acme Inc."
    requires = ["acme_sdk"]                # modules it imports from elsewhere
    injects = ["ACME_TOKEN"]               # credentials it puts on nodes
    implements = ["styx_event"]            # behaviour hooks, defined in:
    hooks = "styx_acme.hooks"              # a module, or module:Class that is made with the plugin's settings
    config = "styx_acme.config:Settings"   # pydantic model of the settings section plugins.acme

    [contract]                             # the versions it was written for
    cloud = "1.0"
    hooks = "1.0"

    [[provides]]
    kind = "cloud"
    name = "acme"
    target = "styx_acme.cloud:AcmeCloud"
    config = "styx_acme.config:CloudConfig"   # pydantic model of the settings section clouds.acme
    capabilities = ["stop", "spot"]

    [[commands]]
    name = "acme"                          # `styx acme`
    target = "styx_acme.cli:acme"
    help = "Look at your Acme account."
    section = "Acme"

    [[catalogs]]                           # what a cloud sells, also one that the plugin cannot launch on yet
    cloud = "acme"
    snapshot = "catalog"                   # a folder beside this file
    refresher = "styx_acme.catalog:AcmeRefresher"   # optional: makes a new one, for `styx catalog update`
    config = "styx_acme.config:CloudConfig"   # of the section clouds.acme, where no [[provides]] says so

What is read is plain data (typed dictionaries), because it is what the index stores as JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from styx.plugins.entries import CatalogOf, Command, Manifest, Provides
from styx.plugins.kinds import BEHAVIOUR_HOOKS, KINDS
from styx.plugins.tables import Form, ManifestError, TableReader

DEFAULT_SECTION = "Added by plugins"
_DOTTED = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
NAME = Form(re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*"), "lower-case letters, digits and dashes, like 'acme-gpu'")
TARGET = Form(re.compile(_DOTTED + r":[A-Za-z_]\w*"), "'module:name', like 'styx_acme.cloud:AcmeCloud'")
HOOKS = Form(re.compile(_DOTTED + r"(?::[A-Za-z_]\w*)?"), "'module' or 'module:Class', like 'styx_acme.hooks'")
MODULE = Form(re.compile(_DOTTED), "the name of a module, like 'acme_sdk.compute'")
FOLDER = Form(re.compile(r"\w[\w.-]*(?:/\w[\w.-]*)*", re.ASCII), "a folder beside the manifest, like 'catalog'")
VERSION = Form(re.compile(r"\d+\.\d+"), "'major.minor', like '1.0'")


def empty_manifest(name: str) -> Manifest:
    """What is known of a plugin whose manifest cannot be read."""
    return Manifest(
        name=name,
        summary="",
        contract={},
        provides=[],
        commands=[],
        catalogs=[],
        implements=[],
        hooks="",
        config="",
        requires=[],
        injects=[],
    )


def parse_manifest(data: Mapping[str, Any], source: str) -> Manifest:
    """Check a manifest and fill in defaults. Raises ManifestError naming ``source``, the key and what is wrong."""
    table = TableReader(data, source)
    manifest = Manifest(
        name=table.text("name", NAME),
        summary=table.text("summary"),
        contract=parse_contract(data, source),
        provides=[_provides(entry) for entry in table.tables("provides")],
        commands=[_command(entry) for entry in table.tables("commands")],
        catalogs=[_catalog(entry) for entry in table.tables("catalogs")],
        implements=table.texts("implements", choices=BEHAVIOUR_HOOKS),
        hooks=table.text("hooks", HOOKS, default=""),
        config=table.text("config", TARGET, default=""),
        requires=table.texts("requires", MODULE),
        injects=table.texts("injects"),
    )
    table.finish(also=("contract",))
    _check_consistency(manifest, table)
    return manifest


def parse_contract(data: Mapping[str, Any], source: str) -> dict[str, list[int]]:
    """The contract versions alone, which are readable even where the rest was written for another core."""
    table = TableReader(data, source).table("contract")
    versions: dict[str, list[int]] = {}
    for kind in (*KINDS, "hooks"):
        text = table.text(kind, VERSION, default="")
        if text:
            major, minor = text.split(".")
            versions[kind] = [int(major), int(minor)]
    table.finish()
    return versions


def salvage_commands(data: Mapping[str, Any], source: str) -> list[Command]:
    """The commands of a manifest that is wrong elsewhere, so that they stay listed; wrong ones are left out."""
    found: list[Command] = []
    with suppress(ManifestError):
        for entry in TableReader(data, source).tables("commands"):
            with suppress(ManifestError):
                found.append(_command(entry))
    return found


def _provides(table: TableReader) -> Provides:
    kind = table.choice("kind", tuple(KINDS))
    entry = Provides(
        kind=kind,
        name=table.text("name", NAME),
        target=table.text("target", TARGET),
        config=table.text("config", TARGET, default=""),
        capabilities=table.texts("capabilities", choices=tuple(KINDS[kind].capabilities)),
    )
    table.finish()
    return entry


def _command(table: TableReader) -> Command:
    entry = Command(
        name=table.text("name", NAME),
        target=table.text("target", TARGET),
        help=table.text("help"),
        section=table.text("section", default=DEFAULT_SECTION),
    )
    table.finish()
    return entry


def _catalog(table: TableReader) -> CatalogOf:
    entry = CatalogOf(
        cloud=table.text("cloud", NAME),
        snapshot=table.text("snapshot", FOLDER),
        refresher=table.text("refresher", TARGET, default=""),
        config=table.text("config", TARGET, default=""),
    )
    table.finish()
    return entry


def _check_consistency(manifest: Manifest, table: TableReader) -> None:
    needed = {entry["kind"] for entry in manifest["provides"]}
    needed |= {kind for kind, used in (("hooks", manifest["implements"]), ("cloud", manifest["catalogs"])) if used}
    for kind in sorted(needed - set(manifest["contract"])):
        raise table.error(f"contract.{kind}", f'is missing; say which version it was written for, like {kind} = "1.0"')
    if manifest["implements"] and not manifest["hooks"]:
        raise table.error("hooks", f"is missing; name the module that defines {manifest['implements'][0]}")
    if manifest["hooks"] and not manifest["implements"]:
        raise table.error("implements", "is missing; list the hooks that the module defines")
    for key, names in {
        "provides": [f"{each['kind']} {each['name']!r}" for each in manifest["provides"]],
        "commands": [repr(each["name"]) for each in manifest["commands"]],
        "catalogs": [repr(each["cloud"]) for each in manifest["catalogs"]],
    }.items():
        for name in names:
            if names.count(name) > 1:
                raise table.error(key, f"has {name} twice")
