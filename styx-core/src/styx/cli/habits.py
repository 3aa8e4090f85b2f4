"""Flags that SkyPilot's users have in their fingers and Styx has not: each is refused with a sentence on what to do.

The flags that mean the same in both are real options of the commands. Maps flags to sentences, command by command.
"""

from __future__ import annotations

from collections.abc import Mapping

Refused = Mapping[str, str]

_EVERYBODY = "there are no users here: --all means every cluster of this installation."
_GRACEFUL = "it cancels running jobs at once; `styx logs CLUSTER` waits for one to end."
_AT_LAUNCH = "the machine was chosen when the cluster was launched; exec runs on what is there."
_WORKSPACES = "there are no workspaces; STYX_HOME keeps installations apart."

EVERYWHERE: Refused = {
    "--async": "a command returns when its work is done; --detach-run leaves a job's output aside.",
    "--config": "settings are kept in one file; see `styx config`.",
}

LAUNCH: Refused = {
    "--cloud": "write --infra CLOUD.",
    "--region": "write --infra CLOUD/REGION.",
    "--zone": "write --infra CLOUD/REGION/ZONE.",
    "--clone-disk-from": "disks are not copied between clusters; keep what must survive in file_mounts.",
    "--clone": "disks are not copied between clusters; keep what must survive in file_mounts.",
    "--resize": "a cluster keeps its size; `styx down` removes it, and then it can be launched anew.",
    "--priority": "the jobs of a cluster run first in, first out.",
    "--workspace": _WORKSPACES,
    "-w": _WORKSPACES,
}

EXEC: Refused = {
    "-c": "the cluster is the first argument: `styx exec CLUSTER ...`.",
    "--cluster": "the cluster is the first argument: `styx exec CLUSTER ...`.",
    **dict.fromkeys(
        (
            "--infra", "--cloud", "--region", "--zone", "-t", "--instance-type", "--use-spot", "--no-use-spot",
            "--image-id", "--disk-size", "--disk-tier", "--network-tier", "--local-disk", "--ports",
        ),
        _AT_LAUNCH,
    ),
}  # fmt: skip

STATUS: Refused = {
    "--endpoint": "`styx status --ip CLUSTER` prints the address at which the ports of its task are.",
    "--endpoints": "`styx status --ip CLUSTER` prints the address at which the ports of its task are.",
    "--show-managed-jobs": "this lists clusters; `styx queue` lists their jobs.",
    "--show-services": "this lists clusters only.",
    "--show-pools": "this lists clusters only.",
}

START: Refused = {
    "-r": "repeat the command; a start that found no capacity leaves the cluster stopped.",
    "--retry-until-up": "repeat the command; a start that found no capacity leaves the cluster stopped.",
    "-f": "a cluster that is up needs no start; `styx launch -c CLUSTER` sets it up again.",
    "--force": "a cluster that is up needs no start; `styx launch -c CLUSTER` sets it up again.",
    "-u": _EVERYBODY,
    "--all-users": _EVERYBODY,
}

STOP: Refused = {
    "--graceful": _GRACEFUL,
    "--graceful-timeout": _GRACEFUL,
    "-u": _EVERYBODY,
    "--all-users": _EVERYBODY,
}
DOWN = STOP

AUTOSTOP: Refused = {"-u": _EVERYBODY, "--all-users": _EVERYBODY}

CANCEL: Refused = {
    "-u": "there are no users here: --all means every job of the cluster.",
    "--all-users": "there are no users here: --all means every job of the cluster.",
}

LOGS: Refused = {
    "--provision": "`styx status --history CLUSTER` tells how it was made.",
    "--hook": "there are no hooks on clusters.",
}

CHECK: Refused = {"-w": _WORKSPACES, "--workspace": _WORKSPACES}

STORAGE: Refused = {
    "--exclude": "write what stays behind into .styxignore, which `sync` honours.",
    "--include": "write what stays behind into .styxignore, which `sync` honours.",
    "--size-only": "a store knows its objects by checksum, or by size and time.",
    "--profile": "credentials are those of the store; see `styx check`.",
    "--region": "a bucket is where the settings of its store say.",
}
