"""What works here and what does not: ``styx check`` for providers, ``styx doctor`` for this installation."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from styx.api.cloud import SupportsPolicy, require
from styx.api.errors import BadInput, StyxError
from styx.api.storage import Storage
from styx.client import servers
from styx.client.protocol import CheckResult
from styx.engine.account import glance
from styx.hookspecs import DoctorFinding
from styx.plugins.isolation import guard
from styx.words import count, sentences

if TYPE_CHECKING:
    from styx.api.cloud import Fault, Identity
    from styx.client.loop import LoopThread
    from styx.client.opened import Opened
    from styx.engine.clouds import CloudAccount
    from styx.engine.context import Context
    from styx.store.memory import Memory


def check(context: Context, loop: LoopThread, names: Sequence[str]) -> list[CheckResult]:
    """Ask every provider (or those named) whether it can be used; one that fails does not stop the others."""
    results: list[CheckResult] = []
    for kind in ("cloud", "storage"):
        for each in context.plugins.provided(kind):
            if not names or each.name in names:
                accounts = context.clouds.accounts(each.name) if kind == "cloud" else ("default",)
                results.extend(_check(context, loop, kind, each.name, account) for account in accounts)
    return results


def _check(context: Context, loop: LoopThread, kind: str, name: str, account_name: str) -> CheckResult:
    try:
        if kind == "cloud":
            account = context.clouds.get(name, account_name)
            identity, faults = loop.run(_asked(account))
            usable, abilities = not any(fault.serious for fault in faults), _abilities(type(account.cloud))
            who = f"{identity.account} ({identity.user})" if identity.user else identity.account
            who += f", with {count(len(faults), 'fault')}" if faults else ""
            found = tuple(fault.message for fault in faults)
            return CheckResult(kind, name, account.account, usable, who, abilities, found)
        storage = context.plugins.create(kind, name, context.clouds.services(kind, name))
        assert isinstance(storage, Storage)
        with guard(name, "in check"):
            storage.check()
    except StyxError as error:
        message = sentences(error.message, error.hint) if error.hint else error.message
        return CheckResult(kind, name, account_name, False, message)
    return CheckResult(kind, name, "default", True, "usable", storage.schemes)


async def _asked(account: CloudAccount) -> tuple[Identity, Sequence[Fault]]:
    """Who we are there, and what cannot be used."""
    with glance():
        identity = await account.identity()
    return identity, await account.call(account.cloud.faults)  # this may take its time


def _abilities(cloud: type) -> tuple[str, ...]:
    from styx.api import cloud as contract

    mixins = [getattr(contract, name) for name in dir(contract) if name.startswith("Supports")]
    return tuple(m.__name__.removeprefix("Supports").lower() for m in mixins if issubclass(cloud, m))


def policy(context: Context, name: str) -> str:
    """What the credentials of a cloud must be allowed. Raises BadInput, Unsupported, PluginError."""
    if name not in {each.name for each in context.plugins.provided("cloud")}:
        raise BadInput(f"no cloud is named {name!r}", hint="`styx check` shows all there are.")
    account = context.clouds.get(name, context.clouds.accounts(name)[0])
    cloud = require(account.cloud, SupportsPolicy, others=context.plugins.with_capability("policy"))
    with guard(name, "in policy"):
        return cloud.policy()


def doctor(opened: Opened) -> list[DoctorFinding]:
    """Check the interpreter, the store, the tools on this machine, and every plugin; plugins add their own findings."""
    findings = [DoctorFinding("python", "ok", f"{platform.python_version()} at {sys.executable}")]
    try:
        store = opened.store
        clusters = count(len(store.clusters.list()), "cluster")
        findings.append(DoctorFinding("store", "ok", f"{clusters}, id {store.installation}"))
        findings.extend(_lost(store.memory))
        findings.extend(servers.findings(store))
        context = opened.engine.context
    except StyxError as error:
        return [*findings, DoctorFinding("store", "error", error.message, error.hint or "")]
    findings.extend(_tools())
    for plugin in context.plugins.plugins:
        level = {"ok": "ok", "disabled": "ok"}.get(plugin.status, "error")
        message = plugin.reason or f"{plugin.entry['distribution']} {plugin.entry['version']}"
        findings.append(DoctorFinding(f"plugin {plugin.name}", level, message, plugin.fix))
    return [*findings, *_plugins_findings(context)]


def _plugins_findings(context: Context) -> list[DoctorFinding]:
    """What the plugins found; an error for each that failed, or found what is no finding."""
    collected = context.plugins.collect("styx_doctor")
    findings: list[DoctorFinding] = []
    for failed in collected.failures:
        name = failed.details.get("plugin")
        findings.append(
            DoctorFinding(f"plugin {name}" if name else "plugins", "error", failed.message, failed.hint or "")
        )
    for name, answer in collected.results:
        if isinstance(answer, list | tuple) and all(isinstance(each, DoctorFinding) for each in answer):
            findings.extend(answer)
        else:
            problem = f"plugin {name!r} failed in styx_doctor: it answered what is no list of DoctorFinding"
            findings.append(
                DoctorFinding(f"plugin {name}", "error", problem, f"Do without: `styx plugins disable {name}`.")
            )
    return findings


def _lost(memory: Memory) -> list[DoctorFinding]:
    installation, when = memory.installation, memory.remade
    if when is None:
        return []
    return [
        DoctorFinding(
            "records",
            "warning",
            f"the database was lost and made anew at {when:%Y-%m-%d %H:%M} UTC: what was on record before is unknown",
            f"`styx recover` takes up again what is still there: it has {installation!r} in its names and tags. "
            "Once every place could be looked at and nothing without a record was found, this is not told any more.",
        )
    ]


_TOOLS = {
    "bash": "Jobs are bash scripts; without it they run under sh.",
    "ssh": "`styx ssh` and multi-node clusters over SSH need OpenSSH's client.",
    "tar": "Files are copied to nodes with it.",
    "git": "A git workdir needs it on the nodes.",
}


def _tools() -> list[DoctorFinding]:
    findings = []
    for tool, purpose in _TOOLS.items():
        path = shutil.which(tool)
        if path:
            findings.append(DoctorFinding(tool, "ok", path))
        else:
            findings.append(DoctorFinding(tool, "warning", "not found", purpose))
    return findings
