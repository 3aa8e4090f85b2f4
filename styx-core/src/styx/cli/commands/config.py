"""``styx config``: show and change settings."""

from __future__ import annotations

from typing import Any

import click

from styx.cli import complete, options, settings
from styx.cli.command import Command
from styx.cli.render import clean, json_text

LIST = """
styx config list
styx config list -o json
"""
GET = """
styx config get database
styx config get clouds.ssh -o json
"""
SET = """
styx config set database postgresql+psycopg://styx@db.example.org/styx
styx config set allowed_clouds '[local, ssh]'
styx config set clouds.ssh.pools.lab.hosts '[me@10.0.0.5]'
"""
UNSET = """
styx config unset clouds.ssh.pools.lab
"""
PATH = """
$EDITOR "$(styx config path)"
"""


@click.group()
def config() -> None:
    """Show and change settings, kept in config.yaml below $STYX_HOME (~/.styx)."""


@config.command("list", cls=Command, notes={"Examples": LIST})
@options.output_option
def list_(output: str) -> None:
    """List all settings; passwords and tokens are hidden."""
    shown = settings.masked(settings.read())
    if output == "json":
        click.echo(json_text(shown))
        return
    lines = [f"{clean(key)} = {clean(_text(value))}" for key, value in settings.flat(shown)]
    click.echo("\n".join(lines) if lines else f"Nothing is set in {settings.path()}.")


@config.command(cls=Command, notes={"Examples": GET})
@click.argument("key", shell_complete=complete.config_keys)
@options.output_option
def get(key: str, output: str) -> None:
    """Print one setting or section, as it is written."""
    try:
        value = settings.get(settings.read(), key)
    except KeyError:
        raise _not_set(key) from None
    click.echo(json_text(value) if output == "json" else _text(value))


@config.command("set", cls=Command, notes={"Examples": SET})
@click.argument("key", shell_complete=complete.config_keys)
@click.argument("value")
def set_(key: str, value: str) -> None:
    """Change one setting; VALUE is YAML. Comments in the file are not kept.

    The section that it stands in is checked by the plugin that reads it, and written only if it is right.
    """
    from styx import plain_yaml
    from styx.cli import sections

    if not all(key.split(".")) or key.count(".") >= plain_yaml.MAX_DEPTH:
        raise click.UsageError(f"{key!r} is not a key; write section.name")
    parsed = plain_yaml.read(value, f"the value of {key}")
    everything = settings.read()
    settings.put(everything, key, parsed)
    sections.check(everything, key)
    settings.write(everything)


@config.command(cls=Command, notes={"Examples": UNSET})
@click.argument("key", shell_complete=complete.config_keys)
def unset(key: str) -> None:
    """Remove one setting or section. Comments in the file are not kept."""
    everything = settings.read()
    try:
        settings.remove(everything, key)
    except KeyError:
        raise _not_set(key) from None
    settings.write(everything)


@config.command(cls=Command, notes={"Examples": PATH})
def path() -> None:
    """Print where the settings are kept; the file need not exist."""
    click.echo(str(settings.path()))


def _not_set(key: str) -> Exception:
    from styx.api.errors import BadInput

    return BadInput(f"{key} is not set", hint="`styx config list` shows what is set.")


def _text(value: Any) -> str:
    """A plain value as it is; a list or section as YAML."""
    import yaml

    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return str(yaml.safe_dump(value, sort_keys=False)).rstrip()
    return str(yaml.safe_dump(value, default_flow_style=True)).removesuffix("\n").removesuffix("\n...")
