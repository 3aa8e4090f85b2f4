"""Find every installed plugin and read its manifest, without importing any of them."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Sequence
from typing import Any

from styx.contract import CONTRACT
from styx.plugins.entries import Index, Manifest, PluginEntry, Problem, Provides
from styx.plugins.kinds import KINDS, MANIFEST_NAME, PLUGIN_GROUP
from styx.plugins.locate import package_directories
from styx.plugins.manifest import empty_manifest, parse_contract, parse_manifest, salvage_commands
from styx.plugins.metadata import Distribution, distributions
from styx.plugins.tables import ManifestError


def discover(directories: Sequence[str]) -> Index:
    """Every plugin installed in ``directories``, sorted by name. Never raises for a plugin's fault."""
    installed = list(distributions(directories))
    entries = [
        _entry(distribution, name, package)
        for distribution in installed
        for name, package in distribution.entry_points.get(PLUGIN_GROUP, {}).items()
    ]
    entries.sort(key=lambda entry: (entry["manifest"]["name"], entry["distribution"]))
    names = [
        f"{kind.name}:{name}"
        for distribution in installed
        for kind in KINDS.values()
        for name in distribution.entry_points.get(kind.group, {})
    ]
    return Index(plugins=entries, ambiguous=sorted({name for name in names if names.count(name) > 1}))


def _entry(distribution: Distribution, name: str, package: str) -> PluginEntry:
    folders = package_directories(package)
    manifest = empty_manifest(name)
    manifest["provides"] = _salvage_provides(distribution)
    entry = PluginEntry(
        distribution=distribution.name,
        version=distribution.version,
        package=package,
        manifest_path=os.path.join(folders[0], MANIFEST_NAME) if folders else "",
        manifest=manifest,
        problem=None,
    )
    if not folders:
        problem = f"its package {package!r} cannot be found, though the entry point {name!r} names it"
        entry["problem"] = _broken(problem, f"Install it again: pip install --force-reinstall {distribution.name}")
        return entry
    try:
        data = _read_toml(entry["manifest_path"])
    except ManifestError as error:
        entry["problem"] = _broken(str(error), _tell_author(distribution.name))
        return entry
    _fill(entry, data, distribution)
    return entry


def _fill(entry: PluginEntry, data: dict[str, Any], distribution: Distribution) -> None:
    """Read the manifest's data into the entry, or say in it what is wrong and keep what can still be told."""
    name, source = entry["manifest"]["name"], entry["manifest_path"]
    try:
        contract = parse_contract(data, source)
        entry["problem"] = _incompatible(name, distribution, contract)
        if entry["problem"] is None:
            manifest = parse_manifest(data, source)
            _check_entry_points(manifest, name, distribution, source)
            entry["manifest"] = manifest
            return
    except ManifestError as error:
        entry["problem"] = _broken(str(error), _tell_author(distribution.name))
    entry["manifest"]["commands"] = salvage_commands(data, source)


def _salvage_provides(distribution: Distribution) -> list[Provides]:
    """What the entry points say is provided, so that asking for it by name explains what is wrong with the plugin.

    Nothing where the distribution holds several plugins: which of them it belongs to is written in the manifests.
    """
    if len(distribution.entry_points[PLUGIN_GROUP]) > 1:
        return []
    return [
        Provides(kind=kind.name, name=name, target=target, config="", capabilities=[])
        for kind in KINDS.values()
        for name, target in distribution.entry_points.get(kind.group, {}).items()
    ]


def _read_toml(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        raise ManifestError(f"{path} does not exist") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ManifestError(f"{path}: {error}") from None


def _check_entry_points(manifest: Manifest, name: str, distribution: Distribution, source: str) -> None:
    """The manifest and the distribution's entry points say the same thing twice; both must mean the same."""
    if manifest["name"] != name:
        raise ManifestError(f"{source}: name is {manifest['name']!r}, but the entry point of this plugin is {name!r}")
    for provided in manifest["provides"]:
        group = KINDS[provided["kind"]].group
        found = distribution.entry_points.get(group, {}).get(provided["name"])
        if found is None:
            raise ManifestError(
                f"{source}: {provided['kind']} {provided['name']!r} has no entry point; add to pyproject.toml "
                f'[project.entry-points."{group}"] {provided["name"]} = "{provided["target"]}"'
            )
        if found.replace(" ", "") != provided["target"]:
            raise ManifestError(
                f"{source}: the target of {provided['kind']} {provided['name']!r} is {provided['target']!r}, "
                f"but its entry point is {found!r}"
            )


def _incompatible(name: str, distribution: Distribution, contract: dict[str, list[int]]) -> Problem | None:
    for kind, (major, minor) in contract.items():
        core_major, core_minor = CONTRACT[kind]
        if major == core_major and minor <= core_minor:
            continue
        newer = (major, minor) > (core_major, core_minor)
        first, second = (
            ("a newer styx-core (pip install -U styx-core)", f"an older {distribution.name}")
            if newer
            else (f"a newer {distribution.name} (pip install -U {distribution.name})", "an older styx-core")
        )
        return Problem(
            status="incompatible",
            reason=f"{name} was written for {kind} contract {major}.{minor}; "
            f"this styx-core has {core_major}.{core_minor}",
            fix=f"Install {first}, or {second}.",
        )
    return None


def _broken(reason: str, fix: str) -> Problem:
    return Problem(status="broken", reason=reason, fix=fix)


def _tell_author(distribution: str) -> str:
    return f"Tell the author of {distribution}, or remove it: pip uninstall {distribution}"
