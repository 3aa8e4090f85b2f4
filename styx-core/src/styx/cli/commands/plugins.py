"""``styx plugins``: list, look at, check, write, test and switch plugins."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from styx.cli import added, debug, options, sections
from styx.cli.command import Command, option
from styx.cli.complete import plugin_names
from styx.cli.render import clean, json_text, note, table
from styx.cli.values import OneOf
from styx.plugins.kinds import KINDS
from styx.plugins.status import DISABLED, OK, with_dependencies
from styx.words import count

if TYPE_CHECKING:
    from styx.plugins.status import Plugin

EXIT_UNUSABLE = 69

LIST = """
styx plugins list
styx plugins list -o json | jq '.[] | select(.status != "ok")'
"""
LIST_JSON = """
A list of {name, distribution, version, status, reason, fix, summary,
provides: [{kind, name, capabilities}], commands: [...], catalogs: [...],
implements: [...]};
status is ok, disabled, incompatible, broken, conflict or missing-dependency.
"""
SHOW = """
styx plugins show ssh
styx plugins show ssh -o json
"""
CAPABILITIES = """
styx plugins capabilities
styx plugins capabilities -o json | jq '.cloud.stop'
"""
CHECK = """
styx plugins check          # all
styx plugins check acme
"""
CHECK_JSON = """
A list of {plugin, what, status, reason, fix}.
"""
CHECK_EXIT = """
0, or 69: something does not keep what its manifest promises, or cannot be
used. Plugins that are switched off do not count.
"""
NEW = """
styx plugins new acme --kind cloud    # writes ./styx-acme
cd styx-acme
pip install -e '.[test]'
styx plugins test
"""
TEST = """
styx plugins test                     # the package in this directory
styx plugins test -- -rs              # and why rules were skipped
styx plugins test ../styx-acme -- -x  # another, with options for pytest
"""
REFRESH = """
styx plugins refresh
"""
DISABLE = """
styx plugins disable acme
STYX_PLUGINS_DENY=acme,other styx status   # for one command
"""
ENABLE = """
styx plugins enable acme
styx plugins enable acme --prefer cloud:acme   # settle a conflict
"""


@click.group()
def plugins() -> None:
    """List, check, write and switch plugins."""


@plugins.command("list", cls=Command, notes={"Examples": LIST, "JSON": LIST_JSON})
@options.output_option
def list_(output: str) -> None:
    """List the installed plugins and whether they can be used. Imports none of them."""
    found = _installed()
    if output == "json":
        click.echo(json_text([_brief(plugin) for plugin in found]))
        return
    rows = [(p.name, p.entry["version"], p.status, _provided(p), p.manifest["summary"]) for p in found]
    click.echo(table(("NAME", "VERSION", "STATUS", "PROVIDES", "SUMMARY"), rows))
    for plugin in found:
        if plugin.status != OK:
            click.echo(
                f"\n{plugin.name} ({plugin.entry['distribution']}): {clean(plugin.reason)}\n  {clean(plugin.fix)}"
            )


@plugins.command(cls=Command, notes={"Examples": SHOW})
@click.argument("name", shell_complete=plugin_names)
@options.output_option
def show(name: str, output: str) -> None:
    """Show everything a plugin says of itself. Does not import it."""
    plugin = _find(name)
    if output == "json":
        click.echo(json_text(_full(plugin)))
    else:
        for title, value in _details(plugin):
            if value:
                click.echo(f"{title + ':':<14}{clean(value)}")


@plugins.command(cls=Command, notes={"Examples": CAPABILITIES})
@options.output_option
def capabilities(output: str) -> None:
    """Show what the usable plugins can do, by capability."""
    found = {kind.name: _capabilities(kind.name) for kind in KINDS.values() if kind.capabilities}
    if output == "json":
        click.echo(json_text(found))
        return
    rows = [(kind, what, ", ".join(names)) for kind, each in found.items() for what, names in each.items()]
    click.echo(table(("KIND", "CAPABILITY", "PROVIDED BY"), rows))


@plugins.command(cls=Command, notes={"Examples": CHECK, "Exit code": CHECK_EXIT, "JSON": CHECK_JSON})
@click.argument("name", required=False, shell_complete=plugin_names)
@options.output_option
@click.pass_context
def check(ctx: click.Context, name: str | None, output: str) -> None:
    """Load plugins and compare them with their manifests. All of them, or the one named."""
    from styx.plugins import plugin_manager
    from styx.plugins.checking import check_plugin

    chosen = _installed() if name is None else [_find(name)]
    results = [result for plugin in chosen for result in check_plugin(plugin_manager(), plugin, debug.show)]
    if output == "json":
        click.echo(json_text([result._asdict() for result in results]))
    else:
        click.echo(table(("PLUGIN", "WHAT", "STATUS", "REASON"), [result[:4] for result in results]))
        for fix in dict.fromkeys(f"{result.plugin}: {result.fix}" for result in results if result.fix):
            click.echo(clean(fix))
    ctx.exit(EXIT_UNUSABLE if any(result.status not in {OK, DISABLED} for result in results) else 0)


@plugins.command(cls=Command, notes={"Examples": NEW})
@click.argument("name")
@option("--kind", type=OneOf(list(KINDS)), required=True, help="What the plugin provides.")
@option("--simple", is_flag=True, help="A cloud of single machines, from a few calls (SimpleCloud).")
@option("--path", default=".", type=click.Path(file_okay=False), help="Where to write the package.", show_default=True)
def new(name: str, kind: str, path: str, simple: bool) -> None:
    """Write a package for a new plugin. Its tests prove that it keeps the contract."""
    from pathlib import Path

    from styx.plugins.scaffold import write_package

    package = write_package(name, kind, Path(path), simple=simple)
    note(f"Wrote {package}. Next:")
    note(f"  cd {package} && pip install -e '.[test]' && styx plugins test")


@plugins.command(cls=Command, notes={"Examples": TEST}, context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[PATH] [ARGUMENTS]...")
@click.pass_context
def test(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Run the tests of a plugin's package with pytest. The exit code is that of pytest."""
    import subprocess
    from importlib.util import find_spec
    from pathlib import Path

    from styx.api.errors import BadInput

    path, arguments = (".", words) if not words or words[0].startswith("-") else (words[0], words[1:])
    if not Path(path).is_dir():
        raise BadInput(f"{path} is no directory", hint="Name that of the package; options for pytest stand after it.")
    if find_spec("pytest") is None:
        raise BadInput("pytest is not installed", hint="`pip install 'styx-core[testing]'` installs it.")
    ctx.exit(subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=path, check=False).returncode)


@plugins.command(cls=Command, notes={"Examples": REFRESH})
def refresh() -> None:
    """Read all manifests again, changed or not."""
    from styx.plugins import index, reset

    found = index.refresh()
    reset()
    note(f"Read the manifests of {count(len(found['plugins']), 'plugin')}.")


@plugins.command(cls=Command, notes={"Examples": ENABLE})
@click.argument("name", shell_complete=plugin_names)
@option("--prefer", multiple=True, metavar="KIND:NAME", help="Give this contested name to the plugin. Repeatable.")
def enable(name: str, prefer: tuple[str, ...]) -> None:
    """Switch a plugin on. With --prefer, a conflict over a name is settled in its favour."""
    from styx.plugins import switching

    switching.enable(_find(name), prefer)
    _tell(name)


@plugins.command(cls=Command, notes={"Examples": DISABLE})
@click.argument("name", shell_complete=plugin_names)
def disable(name: str) -> None:
    """Switch a plugin off. Nothing it provides is used, and its code is not imported."""
    from styx.plugins import switching

    switching.disable(_find(name))
    _tell(name)


def _installed() -> list[Plugin]:
    return [with_dependencies(plugin) for plugin in added.plugins()]


def _find(name: str) -> Plugin:
    from styx.plugins.switching import find

    return find(_installed(), name)


def _tell(name: str) -> None:
    """Say how the plugin stands now, which may not be what was asked for: an environment variable may forbid it."""
    added.plugins.cache_clear()
    plugin = _find(name)
    note(f"{name} is {plugin.status}{': ' + plugin.reason if plugin.reason else ''}.")


def _provided(plugin: Plugin) -> str:
    manifest = plugin.manifest
    things = [f"{provided['kind']} {provided['name']}" for provided in manifest["provides"]]
    things += [f"command {command['name']}" for command in manifest["commands"]]
    things += [f"catalog {catalog['cloud']}" for catalog in manifest["catalogs"]]
    return ", ".join([*things, *(["hooks"] if manifest["implements"] else [])])


def _capabilities(kind: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {capability: [] for capability in KINDS[kind].capabilities}
    for plugin in _installed():
        for provided in plugin.manifest["provides"]:
            if provided["kind"] == kind and plugin.serves(f"{kind}:{provided['name']}"):
                for capability in provided["capabilities"]:
                    found[capability].append(provided["name"])
    return found


def _brief(plugin: Plugin) -> dict[str, Any]:
    entry, manifest = plugin.entry, plugin.manifest
    return {
        "name": plugin.name,
        "distribution": entry["distribution"],
        "version": entry["version"],
        "status": plugin.status,
        "reason": plugin.reason,
        "fix": plugin.fix,
        "summary": manifest["summary"],
        "provides": [{key: p[key] for key in ("kind", "name", "capabilities")} for p in manifest["provides"]],
        "commands": [command["name"] for command in manifest["commands"]],
        "catalogs": [catalog["cloud"] for catalog in manifest["catalogs"]],
        "implements": manifest["implements"],
    }


def _full(plugin: Plugin) -> dict[str, Any]:
    entry = plugin.entry
    return {
        **_brief(plugin),
        **{key: value for key, value in plugin.manifest.items() if key not in {"name", "summary", "implements"}},
        "package": entry["package"],
        "manifest": entry["manifest_path"],
    }


def _details(plugin: Plugin) -> Iterable[tuple[str, str]]:
    entry, manifest = plugin.entry, plugin.manifest
    yield "Name", plugin.name
    yield "Summary", manifest["summary"]
    yield "Status", plugin.status
    yield "Reason", plugin.reason
    yield "Fix", plugin.fix
    yield "Distribution", f"{entry['distribution']} {entry['version']}"
    yield "Manifest", entry["manifest_path"]
    for provided in manifest["provides"]:
        what = f" (can: {', '.join(provided['capabilities'])})" if provided["capabilities"] else ""
        yield "Provides", f"{provided['kind']} {provided['name']}{what}, {provided['target']}"
    for command in manifest["commands"]:
        yield "Command", f"styx {command['name']}: {command['help']}"
    for catalog in manifest["catalogs"]:
        yield "Catalog", ", ".join(filter(None, (catalog["cloud"], catalog["refresher"])))
    yield "Hooks", ", ".join(manifest["implements"])
    yield "Contract", ", ".join(f"{kind} {major}.{minor}" for kind, (major, minor) in manifest["contract"].items())
    yield "Settings", ", ".join(section for section, each, _ in sections.known() if each.entry is entry)
    yield "Requires", ", ".join(manifest["requires"])
    yield "Puts on nodes", ", ".join(manifest["injects"])
