"""The processes of a server that is measured."""

import subprocess

from benchmarks.peer.server import _end, _tree, memory

# One child, and one that nobody is the parent of any more; both have the pipe open.
LEAVES = "(sleep 60 & echo left) ; sleep 60 & echo here ; wait"


def test_nothing_of_a_server_stays():
    """What it has started ends with it, also where the parent in between has gone; until then all of it counts."""
    process = subprocess.Popen(("sh", "-c", LEAVES), stdout=subprocess.PIPE, text=True, start_new_session=True)
    with process:
        assert sorted(process.stdout.readline() for _ in range(2)) == ["here\n", "left\n"]
        assert len(_tree(process.pid)) == 3
        held, count = memory(process.pid)
        assert count == 3
        assert held > 0
        _end(process)
        assert process.stdout.read() == ""  # all that had it open have ended
    assert _tree(process.pid) == [process.pid]
