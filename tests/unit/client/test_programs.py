"""The programs that open terminals."""

from __future__ import annotations

import pytest

from styx.client.programs import NoProgram, become


def test_a_program_that_is_not_there():
    """It is named, with the exit code by which shells tell of it."""
    with pytest.raises(NoProgram, match="cannot run /nowhere/ssh: No such file or directory") as raised:
        become(["/nowhere/ssh", "host"])
    assert raised.value.exit_code == 127
