"""Which catalogs there are, and which snapshot of each counts: that of the package, or a newer one fetched since."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

from styx.catalog.database import Database
from styx.plugins import paths
from styx.plugins.status import claims, installed

if TYPE_CHECKING:
    from styx.api.errors import BadInput, CatalogError
    from styx.catalog.rows import Snapshot

PACKAGE, UPDATED = "package", "updated"


class Shelf(NamedTuple):
    """The catalog of one cloud: ``folder`` is the package's own snapshot, ``launchable`` if a plugin has the cloud.

    ``config`` is the model of the settings of the cloud, and ``config_plugin`` whose that is; empty if there is none.
    """

    cloud: str
    plugin: str
    distribution: str
    version: str
    folder: str
    refresher: str
    launchable: bool
    config: str = ""
    config_plugin: str = ""

    @property
    def updates(self) -> str:
        """The folder in which ``styx catalog update`` puts what it fetches, each time in a folder of its own."""
        return os.path.join(paths.home(), "catalog", self.cloud)

    def updated(self) -> str | None:
        """The newest snapshot that was fetched: of the folders with names like ``000001-2026-11-30`` the last one."""
        try:
            names = [name for name in os.listdir(self.updates) if name[:6].isdecimal() and name[6:7] == "-"]
        except OSError:
            return None
        return os.path.join(self.updates, max(names)) if names else None

    def chosen(self) -> tuple[str, str]:
        """The folder of the snapshot that counts, and whether it is PACKAGE or UPDATED: the later one, by its date.

        Raises CatalogError where it cannot be told because one that was fetched cannot be read.
        """
        from pathlib import Path

        from styx.api.errors import CatalogError
        from styx.catalog.snapshot import date_of

        fetched = self.updated()
        if fetched is None:
            return self.folder, PACKAGE
        try:
            fetched_on = date_of(Path(fetched), self.cloud)
        except CatalogError as error:
            raise self._advised(error) from error
        try:
            shipped_on = date_of(Path(self.folder), self.cloud)
        except CatalogError:
            return fetched, UPDATED
        return (self.folder, PACKAGE) if shipped_on > fetched_on else (fetched, UPDATED)

    def database(self) -> Database:
        """The tables of the snapshot that counts."""
        fetched = self.updated()
        folders = [*([fetched] if fetched else []), self.folder]
        return Database(self.cloud, folders, lambda: self.chosen()[0], self.read)

    def read(self, folder: str) -> Snapshot:
        """The snapshot in one of its folders. Raises CatalogError that says what to do."""
        from pathlib import Path

        from styx.api.errors import CatalogError
        from styx.catalog.snapshot import read

        try:
            return read(Path(folder), self.cloud)
        except CatalogError as error:
            raise self._advised(error) from error

    def _advised(self, error: CatalogError) -> CatalogError:
        """Where the mistake is in what was fetched, that can be fetched again, whatever else would help."""
        if str(error.file).startswith(self.updates):
            error.hint = f"Fetch it again with `styx catalog update {self.cloud}`, or remove {self.updates}."
        elif error.hint is None:
            error.hint = f"Install {self.distribution} again, or do without: `styx plugins disable {self.plugin}`."
        return error


def shelves() -> list[Shelf]:
    """The catalogs of all plugins that can be used, sorted by cloud. Nothing of a plugin is imported, and none is read.

    Raises InvalidConfig for bad settings of plugins.
    """
    found = installed()
    clouds = {
        provided["name"]: (provided["config"], plugin.name)
        for plugin in found
        for provided in plugin.manifest["provides"]
        if provided["kind"] == "cloud" and plugin.serves(f"cloud:{provided['name']}")
    }
    return sorted(
        Shelf(
            catalog["cloud"],
            plugin.name,
            plugin.entry["distribution"],
            plugin.entry["version"],
            os.path.join(os.path.dirname(plugin.entry["manifest_path"]), catalog["snapshot"]),
            catalog["refresher"],
            catalog["cloud"] in clouds,
            *clouds.get(catalog["cloud"], (catalog["config"], plugin.name)),
        )
        for plugin in found
        for catalog in plugin.manifest["catalogs"]
        if plugin.serves(f"catalog:{catalog['cloud']}")
    )


def shelves_of(clouds: Collection[str]) -> list[Shelf]:
    """The catalogs of these clouds in their order, or all where none is named.

    Raises BadInput for a cloud that has none, and InvalidConfig for bad settings of plugins.
    """
    known = {shelf.cloud: shelf for shelf in shelves()}
    for cloud in clouds:
        if cloud not in known:
            raise _absent(cloud, tuple(known))
    return [known[cloud] for cloud in dict.fromkeys(clouds)] if clouds else list(known.values())


def _absent(cloud: str, known: tuple[str, ...]) -> BadInput:
    """Why there is no catalog of a cloud: perhaps that of its plugin is one that cannot be used."""
    from styx.api.errors import BadInput
    from styx.config import suggest

    claim = f"catalog:{cloud}"
    plugin = next((each for each in installed() if each.name == cloud or claim in claims(each.manifest)), None)
    why = plugin.why(claim) if plugin else None
    if plugin and why and why.reason:
        return BadInput(f"the catalog of {cloud} cannot be used ({plugin.status}): {why.reason}", hint=why.fix)
    return BadInput(f"there is no catalog of cloud {cloud!r}", hint=suggest(cloud, known, "There are those of"))
