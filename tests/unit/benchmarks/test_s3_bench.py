"""The table of `make bench-s3`."""

from __future__ import annotations

from benchmarks.s3.__main__ import Line, Spent


def test_styx_keeps_its_promise_where_it_takes_no_longer() -> None:
    """Both by CPU time and by the clock; a run that others disturbed counts for neither."""
    theirs = [Spent(2.0, 3.0, 0), Spent(2.2, 3.1, 0), Spent(2.1, 9.0, 0)]
    assert Line("copy", theirs, [Spent(1.0, 8.0, 0), Spent(1.1, 2.9, 0), Spent(9.0, 3.5, 0)]).met
    assert not Line("copy", theirs, [Spent(2.3, 1.0, 0)] * 3).met
    assert not Line("copy", theirs, [Spent(1.0, 3.2, 0)] * 3).met
