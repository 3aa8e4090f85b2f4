"""A task's plain values back to the mapping they can be read from."""

from __future__ import annotations

from styx.spec import alternatives, files, flow
from styx.spec.model import TaskSpec


def to_mapping(spec: TaskSpec) -> dict[str, object]:
    """The canonical mapping: only what was said, local paths absolute, the names of secrets without their values."""
    found: dict[str, object] = {}
    if spec.name is not None:
        found["name"] = spec.name
    found |= flow.flow_to_mapping(spec)
    if spec.workdir is not None:
        found["workdir"] = files.workdir_to_mapping(spec, spec.workdir)
    if spec.num_nodes != 1:
        found["num_nodes"] = spec.num_nodes
    resources = alternatives.to_mapping(spec.resources)
    if resources:
        found["resources"] = resources
    if spec.envs:
        found["envs"] = dict(spec.envs)
    secrets: dict[str, object] = dict.fromkeys([*spec.secrets, *spec.missing_secrets])
    secrets |= {name: {"ref": reference} for name, reference in spec.secret_refs.items()}
    if secrets:
        found["secrets"] = secrets
    if spec.file_mounts:
        found["file_mounts"] = {
            target: files.absolute(spec, mount) if isinstance(mount, str) else files.storage_to_mapping(spec, mount)
            for target, mount in spec.file_mounts.items()
        }
    found |= {key: script for key, script in (("setup", spec.setup), ("run", spec.run)) if script}
    return {**found, **spec.extra}
