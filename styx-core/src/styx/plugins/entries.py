"""What the index says of one installed plugin: plain data, stored as JSON.

Typed dictionaries rather than dataclasses, because they are read on the way to ``styx --help``: they cost nothing to
define and nothing to load. They live apart from the parser, which reading the index must not import.
"""

from __future__ import annotations

from typing import TypedDict


class Provides(TypedDict):
    """One thing by name; ``config`` is empty when it takes no settings."""

    kind: str
    name: str
    target: str
    config: str
    capabilities: list[str]


class Command(TypedDict):
    """One top-level command."""

    name: str
    target: str
    help: str
    section: str


class CatalogOf(TypedDict):
    """What is sold by one cloud: a folder beside the manifest. ``refresher`` is empty where nothing can renew it.

    ``config`` is the model of the settings of a cloud that no plugin has yet, for the refresher.
    """

    cloud: str
    snapshot: str
    refresher: str
    config: str


class Manifest(TypedDict):
    """A whole manifest; what is absent in the file is empty here. ``contract`` maps a kind to [major, minor]."""

    name: str
    summary: str
    contract: dict[str, list[int]]
    provides: list[Provides]
    commands: list[Command]
    catalogs: list[CatalogOf]
    implements: list[str]
    hooks: str
    config: str
    requires: list[str]
    injects: list[str]


class Problem(TypedDict):
    """Why a plugin cannot be used: one of the statuses, a reason and what to do."""

    status: str
    reason: str
    fix: str


class PluginEntry(TypedDict):
    """One installed plugin. ``manifest_path`` is empty when its package cannot be found."""

    distribution: str
    version: str
    package: str
    manifest_path: str
    manifest: Manifest
    problem: Problem | None


class Index(TypedDict):
    """Everything installed. ``ambiguous`` lists names like ``cloud:acme`` that several distributions register."""

    plugins: list[PluginEntry]
    ambiguous: list[str]
