"""Core's own commands, as data: what ``styx --help`` shows before any of their code is imported."""

from __future__ import annotations

from typing import NamedTuple

CLUSTERS = "Clusters and tasks"
JOBS = "Managed jobs"
INFRASTRUCTURE = "Infrastructure"
PLUGINS = "Plugins"
SHELL = "Shell"

SECTIONS = (CLUSTERS, JOBS, INFRASTRUCTURE, PLUGINS, SHELL)


class CommandRow(NamedTuple):
    """One command as it is listed: ``target`` is ``module:attribute``; ``plugin`` is empty for core's own."""

    name: str
    target: str
    help: str
    section: str
    plugin: str = ""


def _row(name: str, module: str, help_text: str, section: str) -> CommandRow:
    attribute = "exec_" if name == "exec" else name.replace("-", "_")
    return CommandRow(name, f"styx.cli.commands.{module}:{attribute}", help_text, section)


COMMANDS: dict[str, CommandRow] = {
    row.name: row
    for row in (
        _row("launch", "launch", "Run a task on a cluster, making the cluster if need be.", CLUSTERS),
        _row("exec", "exec", "Run a task on a cluster that is up; no set-up.", CLUSTERS),
        _row("status", "status", "List clusters.", CLUSTERS),
        _row("start", "lifecycle", "Start stopped clusters.", CLUSTERS),
        _row("stop", "lifecycle", "Stop clusters and keep their disks.", CLUSTERS),
        _row("autostop", "lifecycle", "Stop or remove clusters once they have been idle.", CLUSTERS),
        _row("down", "lifecycle", "Remove clusters and all they hold.", CLUSTERS),
        _row("recover", "recover", "Take up again, or remove, what no record stands for.", CLUSTERS),
        _row("queue", "jobs", "List the jobs of clusters.", CLUSTERS),
        _row("cancel", "jobs", "Cancel jobs.", CLUSTERS),
        _row("logs", "jobs", "Show or download what a job writes.", CLUSTERS),
        _row("ssh", "ssh", "Open a terminal on a node.", CLUSTERS),
        _row("explain", "explain", "Show where a task would run, and why not elsewhere.", CLUSTERS),
        _row("dag", "dag", "Look at tasks that wait for each other, and run them.", CLUSTERS),
        _row("jobs", "managed", "Hand in jobs that are run, and recovered, without you.", JOBS),
        _row("spot", "spot", "The same on spot machines.", JOBS),
        _row("check", "infra", "See which clouds and stores can be used.", INFRASTRUCTURE),
        _row("doctor", "infra", "Look for problems on this machine.", INFRASTRUCTURE),
        _row("api", "api", "Run a server, or log in to one; its users and tokens.", INFRASTRUCTURE),
        _row("storage", "storage", "Copy, list and remove files in stores.", INFRASTRUCTURE),
        _row("gpus", "gpus", "See which accelerators clouds sell, and for how much.", INFRASTRUCTURE),
        _row("catalog", "catalog", "See how old prices are, and fetch new ones.", INFRASTRUCTURE),
        _row("cost-report", "costs", "See what clusters have cost.", INFRASTRUCTURE),
        _row("config", "config", "Show and change settings.", INFRASTRUCTURE),
        _row("compat", "compat", "Check that SkyPilot's task files mean the same here.", INFRASTRUCTURE),
        _row("plugins", "plugins", "List, check, write and switch plugins.", PLUGINS),
        _row("completion", "completion", "Print the completion script for a shell.", SHELL),
    )
}
