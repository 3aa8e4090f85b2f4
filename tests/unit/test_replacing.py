"""Replacing files whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from styx.replacing import replacing


def test_what_was_written_takes_the_place(tmp_path: Path) -> None:
    """The draft is gone then."""
    path, draft = tmp_path / "file", tmp_path / "draft"
    path.write_text("old")
    with replacing(path, draft):
        draft.write_text("new")
        assert path.read_text() == "old"
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"file": "new"}


@pytest.mark.parametrize("written", [True, False])
def test_an_interruption_leaves_what_was_there(tmp_path: Path, written: bool) -> None:
    """And nothing beside it, however far the writer came."""
    path, draft = tmp_path / "file", tmp_path / "draft"
    path.write_text("old")

    def interrupted() -> None:
        with replacing(path, draft):
            if written:
                draft.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"file": "old"}
