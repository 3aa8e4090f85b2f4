"""What plugins and this machine have to say of a task before anything is done for it."""

from __future__ import annotations

from copy import deepcopy

from styx.engine.context import Context
from styx.engine.mounts import require_mountable
from styx.engine.ownership import require_identities, require_secrets
from styx.spec import Task


def admit(context: Context, task: Task, operation: str) -> Task:
    """The task after every policy has had its say, with nothing missing. Raises InvalidTask, BadInput."""
    task = policed(context, task, operation)
    require_identities(context, task.spec)
    require_secrets(context, task.spec)
    task.check_secrets()
    task.check_files()
    require_mountable(context, task.spec)
    return task


def policed(context: Context, task: Task, operation: str) -> Task:
    """The task as the policies leave it; they see the names of secrets, never their values."""
    if not context.plugins.implements("styx_policy"):
        return task
    given = task.to_dict()
    changed = context.plugins.fold_policy(deepcopy(given), operation, context.user)
    if changed == given:
        return task
    secrets = dict(task.spec.secrets)
    return Task.from_dict(changed, task.spec.base_dir).override({"secrets": secrets} if secrets else {})
