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
    "--priority": "the jobs of a cluster run first in, first out; `styx jobs launch` has priorities.",
    "--workspace": _WORKSPACES,
    "-w": _WORKSPACES,
}

_NO_CLUSTER = "a managed job has a cluster of its own, which goes when it has ended; see `styx launch`."
_OVER_AND_OVER = "a managed job looks for a place until it has one; --max-cost and --timeout say how long and how dear."

JOBS_LAUNCH: Refused = {
    **{flag: LAUNCH[flag] for flag in ("--cloud", "--region", "--zone", "--workspace", "-w")},
    **dict.fromkeys(
        ("-c", "--cluster", "-i", "--idle-minutes-to-autostop", "--down", "--wait-for", "--fast", "--no-setup"),
        _NO_CLUSTER,
    ),
    "-r": _OVER_AND_OVER,
    "--retry-until-up": _OVER_AND_OVER,
    "--job-group": "a file with `execution: parallel` in its first document is one anyway.",
    "--no-job-group": "a file with `execution: serial` in its first document is a pipeline.",
}

_NO_TIMES = "the list is newest first; --limit and --after turn its pages, and -o json has all times."

JOBS_QUEUE: Refused = {
    "--since": _NO_TIMES,
    "--before": _NO_TIMES,
    "--infra": "the column CLUSTER names what a job runs on; `styx status` tells where that is.",
    "-r": "what is shown is what the server knows now.",
    "--refresh": "what is shown is what the server knows now.",
    "-a": "without -s all are listed; --limit and --after turn the pages.",
    "--all": "without -s all are listed; --limit and --after turn the pages.",
    "-v": "`styx jobs status JOB` tells all of one; -o json all of many.",
    "--verbose": "`styx jobs status JOB` tells all of one; -o json all of many.",
}

JOBS_CANCEL: Refused = {
    "--task": "each task of a file is a job with a number of its own.",
    "--graceful": _GRACEFUL,
    "--graceful-timeout": _GRACEFUL,
}

JOBS_LOGS: Refused = {
    "-s": "`styx jobs logs JOB --no-follow > FILE` keeps it in a file.",
    "--sync-down": "`styx jobs logs JOB --no-follow > FILE` keeps it in a file.",
    "-r": "what is shown is what the server knows now.",
    "--refresh": "what is shown is what the server knows now.",
}

API_START: Refused = {
    "--deploy": "`styx-server` is the program for that; this starts one for you alone.",
    "--host": "`styx-server --host` listens elsewhere; this starts one for you alone.",
    "--foreground": "`styx-server` runs in the foreground.",
    "--enable-basic-auth": "a server always wants a token; see `styx api token`.",
}

API_LOGIN: Refused = {
    **dict.fromkeys(
        ("-t", "--token", "--service-account-token"),
        "everybody on this machine could read it there: paste it when asked, or give --token-file.",
    ),
    "--no-browser": "no browser is used.",
}

API_LOGS: Refused = {
    "--server-logs": "these are the server's; `styx logs` and `styx jobs logs` show those of jobs.",
    "--log-path": "`styx api status -o json` names the file.",
    "-l": "`styx api status -o json` names the file.",
}

_REQUESTS = "it tells of servers; `styx status` and `styx jobs queue` tell what is going on."

API_STATUS: Refused = dict.fromkeys(
    ("-a", "--all-status", "-l", "--limit", "-c", "--cluster", "-v", "--verbose"), _REQUESTS
)

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
    "--show-managed-jobs": "this lists clusters; `styx jobs queue` lists managed jobs.",
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
