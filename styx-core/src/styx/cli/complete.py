"""Shell completion of what only this installation knows, or has seen of a server. Imports nothing heavy, no plugin.

Errors, such as settings that cannot be read, complete nothing: the outermost loop keeps quiet while a shell completes.
"""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem


def cluster_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The clusters whose names begin with ``incomplete`` and that the command line does not name yet."""
    from styx.client.remote.seen import seen
    from styx.store.peek import cluster_names as names

    given = ctx.params.get(param.name or "") or ()
    taken = {given} if isinstance(given, str) else set(given)
    server = seen()
    known = names() if server is None else server.clusters
    return [name for name in known if name.startswith(incomplete) and name not in taken]


def job_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The newest managed jobs, with their names and states, that the command line does not name yet."""
    given = ctx.params.get(param.name or "") or ()
    taken = {str(number) for number in ((given,) if isinstance(given, int) else given)}
    return [
        CompletionItem(str(number), help=f"{name}, {state}")
        for number, name, state in _managed_jobs()
        if str(number).startswith(incomplete) and str(number) not in taken
    ]


def job_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The names of the newest managed jobs."""
    del ctx, param
    return sorted({name for _, name, _ in _managed_jobs() if name.startswith(incomplete)})


def plugin_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The installed plugins, usable or not."""
    from styx.cli import added

    del ctx, param
    return sorted({plugin.name for plugin in added.plugins() if plugin.name.startswith(incomplete)})


def clouds(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The clouds that can be used."""
    del ctx, param
    return [name for name in _provided("cloud") if name.startswith(incomplete)]


def catalogs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The clouds of which there is a catalog that the command line does not name yet."""
    from styx.catalog.sources import shelves

    taken = ctx.params.get(param.name or "") or ()
    return [shelf.cloud for shelf in shelves() if shelf.cloud.startswith(incomplete) and shelf.cloud not in taken]


def accounts(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The accounts that the settings name, of any cloud."""
    from styx.config import load_config

    del ctx, param
    found = {name for accounts in load_config().accounts.values() for name in accounts}
    return sorted(name for name in found if name.startswith(incomplete))


def providers(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The clouds and stores, for ``styx check``, that the command line does not name yet."""
    taken = ctx.params.get(param.name or "") or ()
    names = {*_provided("cloud"), *_provided("storage")}
    return sorted(name for name in names if name.startswith(incomplete) and name not in taken)


def uris(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The stores' schemes, and then their buckets as they were last seen: nobody is asked while a shell completes."""
    from styx.store.seen import seen_buckets

    del ctx, param
    known = seen_buckets()
    if "://" in incomplete:
        return [CompletionItem(f"{uri}/") for uri in known if f"{uri}/".startswith(incomplete)]
    schemes = {*_provided("storage"), *(uri.partition("://")[0] for uri in known)}
    return [CompletionItem(f"{scheme}://") for scheme in sorted(schemes) if scheme.startswith(incomplete)]


def places(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """URIs, and the paths that the shell knows."""
    found = uris(ctx, param, incomplete)
    # Paths first: bash forgets at that what came before, and looks for them where nothing follows.
    return found if "://" in incomplete else [CompletionItem(incomplete, type="file"), *found]


def bucket_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The buckets as they were last seen, by URI and by name, that the command line does not name yet."""
    from styx.store.seen import seen_buckets

    taken = ctx.params.get(param.name or "") or ()
    known = [name for uri in seen_buckets() for name in (uri, uri.partition("://")[2])]
    return [name for name in known if name.startswith(incomplete) and name not in taken]


def config_keys(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The settings of core, and the sections that plugins read; what stands in a section only its model knows."""
    from styx.cli.sections import known
    from styx.config import KEYS

    del ctx, param
    return sorted(key for key in {*KEYS, *(section for section, _, _ in known())} if key.startswith(incomplete))


def _managed_jobs() -> list[tuple[int, str, str]]:
    from styx.client.remote.seen import seen
    from styx.store.peek import managed_jobs

    server = seen()
    return managed_jobs() if server is None else server.jobs


def _provided(kind: str) -> list[str]:
    from styx.cli import added

    found = {
        provided["name"]
        for plugin in added.plugins()
        for provided in plugin.manifest["provides"]
        if provided["kind"] == kind and plugin.serves(f"{kind}:{provided['name']}")
    }
    return sorted(found)
