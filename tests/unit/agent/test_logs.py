"""Where the last lines of a file begin."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from styx.agent import logs

CONTENT = st.lists(st.sampled_from([b"a", b"bb", b"\n"]), max_size=60).map(b"".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CONTENT, st.integers(0, 12), st.integers(1, 9))
def test_the_last_lines(tmp_path: Path, content: bytes, lines: int, chunk: int) -> None:
    """The offset is that of the last lines, an unfinished one included, however small the blocks that are read."""
    path = tmp_path / "log"
    path.write_bytes(content)
    whole = content.splitlines(keepends=True)
    expected = len(content) - len(b"".join(whole[len(whole) - min(lines, len(whole)) :]))
    descriptor = os.open(path, os.O_RDONLY)
    before, logs.CHUNK = logs.CHUNK, chunk
    try:
        assert logs.tail_offset(descriptor, lines) == expected
    finally:
        logs.CHUNK = before
        os.close(descriptor)
