"""Plugin packages written by hand into a directory that stands for site-packages: what pip leaves, without pip."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

GOOD_CLOUD = """
from styx.api import Cloud, Idempotency, Identity, Traits


class AcmeCloud(Cloud):
    name = "acme"
    traits = Traits(idempotency=Idempotency.NAME)

    def check(self): return Identity("acme-1")
    def scopes(self): return ()
    def offers(self, query): return ()
    def prepare(self, request): raise NotImplementedError
    def launch(self, prepared): raise NotImplementedError
    def observe(self, scope, owners): raise NotImplementedError
    def terminate(self, scope, owner, receipts): raise NotImplementedError
"""
COMMAND = '''
import click


@click.command()
@click.option("--loud", is_flag=True)
@click.pass_obj
def main(settings, loud):
    """Look at your Acme account."""
    click.echo(f"acme runs{'!' if loud else ''} {settings()}")
'''
MANIFEST = """
name = "acme"
summary = "Machines of Acme Inc."

[contract]
cloud = "1.0"

[[provides]]
kind = "cloud"
name = "acme"
target = "styx_acme.cloud:AcmeCloud"

[[commands]]
name = "acme"
target = "styx_acme.cli:main"
help = "Look at your Acme account."
section = "Acme"
"""


@dataclass
class Package:
    """A distribution ``styx-<name>`` with the package ``styx_<name>``; by default the good plugin ``acme``."""

    name: str = "acme"
    version: str = "1.0"
    manifest: str | None = MANIFEST
    modules: Mapping[str, str] = field(default_factory=lambda: {"cloud": GOOD_CLOUD, "cli": COMMAND})
    clouds: Iterable[str] = ("acme = styx_acme.cloud:AcmeCloud",)
    more: str = ""  # further sections of entry_points.txt

    @property
    def package(self) -> str:
        """The import package."""
        return f"styx_{self.name.replace('-', '_')}"

    @property
    def metadata(self) -> str:
        """The name of its metadata directory."""
        return f"{self.package}-{self.version}.dist-info"

    def install(self, site: Path) -> Path:
        """Write everything below ``site``, replacing what is there; return the manifest's path."""
        self.uninstall(site)
        folder = site / self.package
        folder.mkdir(parents=True)
        (folder / "__init__.py").touch()
        for name, text in self.modules.items():
            (folder / f"{name}.py").write_text(dedent(text))
        manifest = folder / "styx-plugin.toml"
        if self.manifest is not None:
            manifest.write_text(self.manifest)
        metadata = site / self.metadata
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: styx-{self.name}\nVersion: {self.version}\n")
        clouds = "\n".join(("[styx.clouds]", *self.clouds)) if self.clouds else ""
        text = f"[styx.plugins]\n{self.name} = {self.package}\n\n{clouds}\n{self.more}\n"
        (metadata / "entry_points.txt").write_text(text)
        return manifest

    def uninstall(self, site: Path) -> None:
        """Remove it, whatever its version."""
        shutil.rmtree(site / self.package, ignore_errors=True)
        for metadata in site.glob(f"{self.package}-*.dist-info"):
            shutil.rmtree(metadata)
