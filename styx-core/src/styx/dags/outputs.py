"""The values that a task hands on: it writes lines ``NAME=VALUE`` to the file that ``$STYX_OUTPUTS`` names.

The last line of a name counts. They are read from the head node once the job has succeeded.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection
from dataclasses import replace

from styx.api.errors import BadInput
from styx.spec.model import TaskSpec

VARIABLE = "STYX_OUTPUTS"
MOST_BYTES = 65_536  # of all values of one task


def writing(task: TaskSpec, key: str) -> TaskSpec:
    """The task with a file to write its outputs to; as it is when it names none."""
    if not task.output_names or not task.run:
        return task
    return replace(task, run=f'export {VARIABLE}="$HOME/{_file(key)}"; : > "${VARIABLE}"\n{task.run}')


def reading(key: str) -> str:
    """The command that prints the file, on the head node; of one that is too long more than it may hold."""
    return f"head -c {MOST_BYTES + 1} {shlex.quote(_file(key))}"


def parse(written: bytes, names: Collection[str]) -> dict[str, str]:
    """The values of those names; what is not such a line, or of another name, is left out.

    Raises BadInput where it is too long: what was cut off must not pass for the whole.
    """
    if len(written) > MOST_BYTES:
        raise BadInput(f"the file ${VARIABLE} holds more than {MOST_BYTES // 1024} KiB; put what is long into a bucket")
    found: dict[str, str] = {}
    for line in written.decode(errors="replace").splitlines():
        name, equals, value = line.partition("=")
        if equals and name.strip() in names:
            found[name.strip()] = value.replace("\0", "\ufffd")
    return found


def _file(key: str) -> str:
    return f".styx-outputs-{key}"
