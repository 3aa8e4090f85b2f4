"""The marks on a machine: what we write is what we read, and nothing a machine says breaks us."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api import Owner
from styx.builtin.ssh import marks
from styx.builtin.ssh.marks import Mark, parse
from styx.builtin.ssh.release import release, release_by_itself

NOW = datetime(2030, 1, 1, tzinfo=UTC)
OURS = Mark(Owner("abc123", "train", "a123"), 3, "token", Decimal("1.25"))


def run(home: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command as the machine's shell would, in a home of its own."""
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "SSH_CONNECTION": "10.0.0.1 50000 10.0.0.5 22"}
    argv = ["/bin/sh", "-c", command]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=30)


def test_what_is_reserved_is_listed(tmp_path: Path) -> None:
    """A mark comes back whole, with the address under which the machine was reached."""
    free = parse(run(tmp_path, marks.listing()).stdout)
    assert (free.address, free.held, free.marks) == ("10.0.0.5", False, ())
    assert run(tmp_path, marks.reserve(OURS, NOW)).returncode == 0
    held = parse(run(tmp_path, marks.listing()).stdout)
    assert (held.held, held.marks) == (True, (OURS,))


def test_reserving_again_changes_nothing(tmp_path: Path) -> None:
    """The same node reserves again with success; any other is told that the machine is taken."""
    run(tmp_path, marks.reserve(OURS, NOW))
    other = Mark(Owner("abc123", "train", "a123"), 4, "token")
    assert run(tmp_path, marks.reserve(OURS, NOW)).returncode == 0
    assert run(tmp_path, marks.reserve(other, NOW)).returncode == marks.TAKEN
    assert parse(run(tmp_path, marks.listing()).stdout).marks == (OURS,)


def test_a_released_machine_is_as_it_was(tmp_path: Path) -> None:
    """After the release nothing of ours is left in the home; releasing again is success."""
    run(tmp_path, marks.reserve(OURS, NOW))
    for _ in range(2):
        assert run(tmp_path, release(OURS.owner)).returncode == 0
        assert list(tmp_path.iterdir()) == []


def test_no_command_carries_what_it_looks_for() -> None:
    """The release kills by command line, so its own must not match, nor that of whoever runs it."""
    for command in (release(OURS.owner), release_by_itself(OURS.owner)):
        assert f"/.styx/clusters/{OURS.owner.name}/" not in command
        assert f"STYX_NODE={OURS.owner.name}" not in command


@pytest.mark.parametrize("text", ["", "bash: cd: no such file", "styx\nheld"])
def test_silence_is_not_free(text: str) -> None:
    """A machine that does not say whether it is held is not taken for free."""
    with pytest.raises(ValueError, match="does not say"):
        parse(text)


def test_talkative_logins_and_foreign_files_do_not_matter() -> None:
    """Words before the greeting are skipped, and a name alone tells whose a torn mark is."""
    text = f"Welcome!\nstyx-marks 10.0.0.5\nheld\n{OURS.node} {{torn\nstyx-nonsense x\n"
    assert parse(text).marks == (Mark(OURS.owner, 3),)


@pytest.mark.parametrize(
    "described",
    ['{"hourly_price": "NaN"}', '{"hourly_price": -5}', '{"hourly_price": "inf"}', "[" * 100_000, "[]", "7"],
)
def test_a_mark_that_says_nonsense_is_still_a_mark(described: str) -> None:
    """Its price is not known; whose it is, the name alone tells."""
    (mark,) = parse(f"styx-marks\nheld\n{OURS.node} {described}\n").marks
    assert (mark.owner, mark.rank, mark.hourly_price) == (OURS.owner, 3, None)


@given(text=st.text())
def test_nothing_a_machine_says_breaks_the_parser(text: str) -> None:
    """The machine is not trusted: what it prints is marks or nothing."""
    assert isinstance(parse(f"styx-marks\n{text}").marks, tuple)


@given(line=st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=60))
def test_any_token_comes_back(line: str) -> None:
    """Whatever a token is, it survives the way through the shell's words."""
    command = marks.reserve(Mark(OURS.owner, 3, line), NOW)
    written = run(Path("/"), command.partition("\numask")[0] + '\nprintf "%s" "$mark"').stdout
    assert parse(f"styx-marks\nheld\n{OURS.node} {written}").marks[0].token == line
