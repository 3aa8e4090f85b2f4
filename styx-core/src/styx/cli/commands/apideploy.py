"""``styx api deploy``: a server on a machine that does not sleep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from styx.cli import consent, options
from styx.cli.command import Command, option
from styx.cli.complete import cluster_names
from styx.cli.progress import progress
from styx.cli.render import clean, json_text, note
from styx.cli.taskargs import build_task
from styx.cli.values import Dollars, WholeNumber

if TYPE_CHECKING:
    from styx.client.deploy import Wanted
    from styx.client.protocol import LaunchOptions

LAST_PORT = 65535
PORT = 8080
SERVER = "Server options"

EXAMPLES = """
styx api deploy --infra ssh/office
styx api deploy --infra aws/eu-central-1 --cpus 2+ --identity styx-server
styx api deploy -c styx-server            # again, with the Styx that is here
styx api deploy --infra ssh/office --secret-file server.env
styx api logout && styx down styx-server  # the end of it
"""
JSON = """
{cluster, url, user, fingerprint, logged_in}
"""


@click.command(cls=Command, inner=True, notes={"Examples": EXAMPLES, "JSON": JSON})
@option(
    "-c", "--cluster", metavar="NAME", section=options.CLUSTER, shell_complete=cluster_names, help="What it is called."
)
@option("--account", metavar="NAME", section=options.CLUSTER, help="Which account of the cloud, if there are several.")
@option("--max-cost", type=Dollars(), metavar="USD", section=options.CLUSTER, help="Pay no more an hour.")
@options.need_options
@options.machine_options
@options.environment_options
@option(
    "--port",
    type=WholeNumber(min=1, max=LAST_PORT),
    default=PORT,
    show_default=True,
    metavar="N",
    section=SERVER,
    help="Where it listens.",
)
@option("--address", metavar="HOST", section=SERVER, help="How the machine is reached from here, if not as it says.")
@option("--user", metavar="NAME", section=SERVER, help="Who you are there, an administrator; by default as here.")
@option("--config", type=click.Path(dir_okay=False), metavar="FILE", section=SERVER, help="Its config.yaml.")
@option(
    "--plugin",
    multiple=True,
    metavar="NAME",
    section=SERVER,
    help="Distribution to install there. Repeatable; by default the clouds that are installed here.",
)
@option("--wheels", type=click.Path(file_okay=False), metavar="DIR", section=SERVER, help="Take these wheels along.")
@option("--no-index", is_flag=True, section=SERVER, help="Install from those wheels alone.")
@option("--no-login", is_flag=True, section=SERVER, help="Do not work with it from now on.")
@options.yes_option
@options.output_option
def deploy(**arguments: Any) -> None:
    """Put a server on a machine of any cloud, and log in to it.

    The machine is a cluster like others. The server on it has an environment, a database and a certificate of its own;
    its log is in the home of the machine, in .styx-server/home. Secrets of the task language are its environment: a
    database elsewhere, or what its clouds are reached with.

    Again, it is upgraded to what is installed here, and keeps its records; the clusters of its jobs go on meanwhile.
    """
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from styx.client import deploy as work
    from styx.client.embedded import EmbeddedClient
    from styx.client.login import save

    wanted = _wanted(arguments)
    client = EmbeddedClient()
    try:
        with TemporaryDirectory(prefix="styx-") as folder:
            machine = build_task(("true",), {**arguments, "ports": (*arguments["ports"], str(wanted.port))})
            task = work.task_for(machine, wanted, Path(folder))
            agreed = _options(arguments)
            if not arguments["yes"]:
                agreed = consent.ask_to_launch(client, task, agreed)
            with progress() as report:
                done = work.deploy(client, task, agreed, wanted, report)
    finally:
        client.close()
    if not arguments["no_login"]:
        save(done.login)
    if arguments["output"] == "json":
        shape = {"cluster": done.cluster, "url": done.login.url, "user": wanted.user}
        click.echo(json_text({**shape, "fingerprint": done.login.fingerprint, "logged_in": not arguments["no_login"]}))
        return
    click.echo(f"The server on {clean(done.cluster)} is at {clean(done.login.url)}.")
    click.echo(f"The SHA-256 of its certificate is {done.login.fingerprint}.")
    if arguments["no_login"]:
        note("Its log says what it does; `styx-server token create` there makes a token to log in with.")
    else:
        click.echo(f"Logged in as {clean(wanted.user)}.")
        note(f"`styx api logout && styx down {clean(done.cluster)}` removes it: the machine is on record here alone.")


def _wanted(arguments: dict[str, Any]) -> Wanted:
    from pathlib import Path

    from styx.client.deploy import Wanted
    from styx.transports.process import user_name

    return Wanted(
        user=arguments["user"] or user_name(),
        port=arguments["port"],
        plugins=arguments["plugin"] or _clouds(),
        wheels=Path(arguments["wheels"]) if arguments["wheels"] else None,
        no_index=arguments["no_index"],
        config=Path(arguments["config"]) if arguments["config"] else None,
        address=arguments["address"],
    )


def _clouds() -> list[str]:
    """The distributions, beside core's, of which a plugin brings a cloud and can be used."""
    from styx.cli import added
    from styx.plugins.status import OK

    found = {
        plugin.entry["distribution"]
        for plugin in added.plugins()
        if plugin.status == OK and any(each["kind"] == "cloud" for each in plugin.manifest["provides"])
    }
    return sorted(found - {"styx-core"})


def _options(arguments: dict[str, Any]) -> LaunchOptions:
    from styx.client.deploy import NAME
    from styx.client.protocol import LaunchOptions

    return LaunchOptions(
        cluster=arguments["cluster"] or NAME, account=arguments["account"], max_hourly_cost=arguments["max_cost"]
    )
