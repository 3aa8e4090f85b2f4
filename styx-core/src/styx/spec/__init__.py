"""The task language: Task, Resources and Dag, in YAML and in Python, with SkyPilot's spellings.

Names are resolved on first use, so that what needs only :mod:`styx.spec.model` pays for nothing else.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from styx.spec.dag import Dag
    from styx.spec.load import load_dag, load_task
    from styx.spec.resources import Resources
    from styx.spec.task import Task

_HOME = {
    "Dag": "styx.spec.dag",
    "Resources": "styx.spec.resources",
    "Task": "styx.spec.task",
    "load_dag": "styx.spec.load",
    "load_task": "styx.spec.load",
}

__all__ = ["Dag", "Resources", "Task", "load_dag", "load_task"]


def __getattr__(name: str) -> object:
    """Import the module that holds a public name, once."""
    if name not in _HOME:
        raise AttributeError(f"module 'styx.spec' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names without importing them."""
    return sorted(__all__)
