"""Options and arguments that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, TypeVar

import click

from styx.cli.command import option
from styx.cli.complete import clouds, cluster_names
from styx.cli.values import Directory, OneOf, WholeNumber

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
Decorator = Callable[[FunctionT], FunctionT]

TASK = "Task"
RESOURCES = "Resources of each node"
ENVIRONMENT = "Environment"
CLUSTER = "Cluster"

DISK_TIERS = ("low", "medium", "high", "ultra", "best", "none")
NETWORK_TIERS = ("standard", "best", "none")
MAX_MINUTES = 1_000_000  # as styx.spec has it, which is slow to import
WAIT_FOR = ("jobs_and_ssh", "jobs", "none")


def apply(*decorators: Callable[[FunctionT], FunctionT]) -> Callable[[FunctionT], FunctionT]:
    """One decorator out of several; help lists their options in the order given here."""
    return lambda function: reduce(lambda inner, decorate: decorate(inner), reversed(decorators), function)


def _as_text(_ctx: click.Context, _param: click.Parameter, value: Any) -> Any:
    """The argument, which no file is named by: one that is not text in the first place is refused here."""
    for word in (value,) if isinstance(value, str) else value or ():
        try:
            word.encode()
        except UnicodeEncodeError:
            raise click.BadParameter(f"{word!r} is not UTF-8 text") from None
    return value


def cluster_argument(function: FunctionT) -> FunctionT:
    """Argument CLUSTER, the name of one cluster."""
    return click.argument("cluster", callback=_as_text, shell_complete=cluster_names)(function)


def clusters_argument(function: FunctionT) -> FunctionT:
    """Argument CLUSTERS, names and patterns, passed as ``patterns``."""
    return click.argument(
        "patterns", metavar="[CLUSTERS]...", nargs=-1, callback=_as_text, shell_complete=cluster_names
    )(function)


def output_option(function: FunctionT) -> FunctionT:
    """Option ``-o table|json``, passed as ``output``."""
    return option(
        "-o",
        "--output",
        type=OneOf(["table", "json"]),
        default="table",
        show_default=True,
        help="A table for people, or JSON for programs: then errors too, on stderr.",
    )(function)


def yes_option(function: FunctionT) -> FunctionT:
    """Option ``-y``, passed as ``yes``."""
    return option("-y", "--yes", is_flag=True, help="Do not ask.")(function)


def all_option(function: FunctionT) -> FunctionT:
    """Option ``-a``, passed as ``everything``."""
    return option("-a", "--all", "everything", is_flag=True, help="All clusters.")(function)


def accepted(*flags: str) -> Callable[[FunctionT], FunctionT]:
    """Hidden flags that say what is the case anyway, for those who are used to writing them."""
    return option(*flags, is_flag=True, hidden=True, expose_value=False, help="Is so anyway.")


def detach_option(function: FunctionT) -> FunctionT:
    """Option ``-d``, passed as ``detach_run``."""
    return apply(
        option("-d", "--detach-run", is_flag=True, help="Return once the job is queued instead of showing its output."),
        accepted("-no-d"),
    )(function)


def idle_option(long_name: str) -> Callable[[FunctionT], FunctionT]:
    """Option ``-i``, passed as ``idle_minutes``; its long name differs between commands."""
    return option(
        "-i",
        long_name,
        "idle_minutes",
        type=WholeNumber(min=0, max=MAX_MINUTES),
        metavar="N",
        section=CLUSTER,
        help="Stop the cluster after this many idle minutes.",
    )


def wait_for_option(function: FunctionT) -> FunctionT:
    """Option ``--wait-for``, passed as ``wait_for``."""
    return option(
        "--wait-for",
        type=OneOf(WAIT_FOR),
        section=CLUSTER,
        help="What keeps the cluster from being idle: jobs and open ssh sessions (default), jobs, or nothing.",
    )(function)


def task_options(function: FunctionT) -> FunctionT:
    """What a task is, beside its resources: name, working directory, number of nodes."""
    return apply(
        option("-n", "--name", section=TASK, metavar="NAME", help="Name of the task."),
        option(
            "--workdir",
            section=TASK,
            metavar="DIR",
            type=Directory(),
            help="Copy this directory, or a URI, to the nodes and run there.",
        ),
        option("--git-url", section=TASK, metavar="URL", help="Clone this repository on the nodes and run there."),
        option("--git-ref", section=TASK, metavar="REF", help="Branch, tag or commit of the repository."),
        option("--num-nodes", section=TASK, metavar="N", type=WholeNumber(min=1), help="Number of nodes."),
    )(function)


def need_options(function: FunctionT) -> FunctionT:
    """What a job takes of each node; also counts on a cluster that exists."""
    return apply(
        option("--gpus", section=RESOURCES, metavar="TYPE[:N]", help="Accelerators, such as A100:8; none for none."),
        option("--cpus", section=RESOURCES, metavar="N[+]", help="vCPUs; 8+ means at least 8."),
        option("--memory", section=RESOURCES, metavar="GIB[+]", help="Memory in GiB; 16+ means at least 16."),
    )(function)


def machine_options(function: FunctionT) -> FunctionT:
    """What machine to rent, and where."""
    return apply(
        option(
            "--infra",
            section=RESOURCES,
            metavar="CLOUD[/REGION[/ZONE]]",
            shell_complete=clouds,
            help="Where: aws, k8s/context, ssh/pool, */*/zone.",
        ),
        option("-t", "--instance-type", section=RESOURCES, metavar="TYPE", help="The provider's name of the machine."),
        option("--use-spot/--no-use-spot", section=RESOURCES, default=None, help="Rent at spot prices."),
        option("--image-id", section=RESOURCES, metavar="IMAGE", help="Machine image, or docker:IMAGE."),
        option("--identity", section=RESOURCES, metavar="NAME", help="Identity of the provider that jobs act as."),
        option("--disk-size", section=RESOURCES, metavar="GIB", help="Size of the system disk in GiB."),
        option("--disk-tier", section=RESOURCES, type=OneOf(DISK_TIERS, False), help="Speed of the system disk."),
        option("--network-tier", section=RESOURCES, type=OneOf(NETWORK_TIERS, False), help="Speed of the network."),
        option("--local-disk", section=RESOURCES, metavar="SPEC", help="Local disk, such as nvme:1000+."),
        option("--ports", section=RESOURCES, metavar="PORT", multiple=True, help="Port or range to open. Repeatable."),
    )(function)


def environment_options(function: FunctionT) -> FunctionT:
    """Environment variables and secrets of the task."""
    return apply(
        option(
            "--env",
            section=ENVIRONMENT,
            metavar="NAME[=VALUE]",
            multiple=True,
            help="Variable for the task; without a value, the one in this shell. Repeatable.",
        ),
        option("--env-file", section=ENVIRONMENT, metavar="FILE", multiple=True, help="File of NAME=VALUE lines."),
        option(
            "--secret",
            section=ENVIRONMENT,
            metavar="NAME[=VALUE]",
            multiple=True,
            help="Like --env, never stored or shown. Give no value here: other users of this machine can see it.",
        ),
        option(
            "--secret-file", section=ENVIRONMENT, metavar="FILE", multiple=True, help="Like --env-file, for secrets."
        ),
        option(
            "--secret-ref",
            section=ENVIRONMENT,
            metavar="NAME=SCHEME:KEY",
            multiple=True,
            help="Secret that a plugin looks up when the task is run, as in TOKEN=vault:team/key. Repeatable.",
        ),
    )(function)
