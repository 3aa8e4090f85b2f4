"""Styx runs any AI workload on any infrastructure.

Public names are resolved on first use (PEP 562), so that ``import styx`` costs next to nothing.
"""

__version__ = "0.1.0"

_PUBLIC = {
    "Dag": "styx.spec",
    "Resources": "styx.spec",
    "StyxError": "styx.api.errors",
    "Task": "styx.spec",
    "autostop": "styx.sdk",
    "cancel": "styx.sdk",
    "down": "styx.sdk",
    "exec": "styx.sdk",
    "jobs_cancel": "styx.sdk.managed",
    "jobs_launch": "styx.sdk.managed",
    "jobs_logs": "styx.sdk.managed",
    "jobs_queue": "styx.sdk.managed",
    "jobs_status": "styx.sdk.managed",
    "jobs_wait": "styx.sdk.managed",
    "launch": "styx.sdk",
    "logs": "styx.sdk",
    "cost_report": "styx.sdk",
    "queue": "styx.sdk",
    "run_dag": "styx.sdk",
    "start": "styx.sdk",
    "status": "styx.sdk",
    "stop": "styx.sdk",
    "storage_cp": "styx.sdk",
    "storage_create": "styx.sdk",
    "storage_delete": "styx.sdk",
    "storage_ls": "styx.sdk",
    "storage_presign": "styx.sdk",
    "storage_rm": "styx.sdk",
    "storage_sync": "styx.sdk",
}

__all__ = [
    "Dag",
    "Resources",
    "StyxError",
    "Task",
    "__version__",
    "autostop",
    "cancel",
    "cost_report",
    "down",
    "exec",
    "jobs_cancel",
    "jobs_launch",
    "jobs_logs",
    "jobs_queue",
    "jobs_status",
    "jobs_wait",
    "launch",
    "logs",
    "queue",
    "run_dag",
    "start",
    "status",
    "stop",
    "storage_cp",
    "storage_create",
    "storage_delete",
    "storage_ls",
    "storage_presign",
    "storage_rm",
    "storage_sync",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from styx.api.errors import StyxError
    from styx.sdk import (
        autostop,
        cancel,
        cost_report,
        down,
        exec,  # noqa: A004
        launch,
        logs,
        queue,
        run_dag,
        start,
        status,
        stop,
        storage_cp,
        storage_create,
        storage_delete,
        storage_ls,
        storage_presign,
        storage_rm,
        storage_sync,
    )
    from styx.sdk.managed import jobs_cancel, jobs_launch, jobs_logs, jobs_queue, jobs_status, jobs_wait
    from styx.spec import Dag, Resources, Task


def __getattr__(name: str) -> object:
    """Import the module that holds a public name, once."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'styx' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names without importing them."""
    return sorted(__all__)
