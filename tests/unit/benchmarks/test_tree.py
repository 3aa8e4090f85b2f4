"""The processes of a server that is measured."""

import subprocess
import sys

from benchmarks.tree import Peak, end, members, memory

# One child, and one that nobody is the parent of any more; both have the pipe open.
LEAVES = "(sleep 60 & echo left) ; sleep 60 & echo here ; wait"
MIB = 64
# A child that holds so much for as long as it is told nothing else.
HOLDS = f"held = bytearray(b'x') * ({MIB} << 20); print(flush=True); input(); del held; print(flush=True); input()"


def test_nothing_of_a_server_stays():
    """What it has started ends with it, also where the parent in between has gone; until then all of it counts."""
    process = subprocess.Popen(("sh", "-c", LEAVES), stdout=subprocess.PIPE, text=True, start_new_session=True)
    with process:
        assert sorted(process.stdout.readline() for _ in range(2)) == ["here\n", "left\n"]
        assert len(members(process.pid)) == 3
        held, count = memory(process.pid)
        assert count == 3
        assert held > 0
        end(process)
        assert process.stdout.read() == ""  # all that had it open have ended
    assert members(process.pid) == []


def test_a_peak_is_what_was_held_at_most():
    """What a child has had counts also when it has given it back by the end."""
    parent = subprocess.Popen(
        ("sh", "-c", '"$0" -c "$1"; :', sys.executable, HOLDS), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with parent:
        try:
            parent.stdout.readline()
            with Peak(parent.pid) as peak:
                parent.stdin.write(b"\n")
                parent.stdin.flush()
                parent.stdout.readline()
            assert memory(parent.pid)[0] < MIB < peak.held < 2 * MIB
        finally:
            end(parent)


def test_what_leaves_no_memory_to_others_is_killed(capsys):
    """A server that is measured takes no machine down."""
    parent = subprocess.Popen(("sh", "-c", "sleep 60; :"), start_new_session=True)
    with parent, Peak(parent.pid, least_free=1e6):
        assert members(parent.pid) == []
    assert f"process {parent.pid}" in capsys.readouterr().err
