"""What the built-ins do with this machine's disk."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from styx.api import InvalidRequest, NotFound, PermissionDenied, ProviderError, QuotaExceeded, Transient
from styx.builtin.disk import draft_beside, refusals, translate, unmount_below, write_atomically
from support.disks import small_disk


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """The new text is there, and nothing else is left in the directory."""
    path = tmp_path / "file"
    write_atomically(path, "a longer first version")
    write_atomically(path, "second")
    assert path.read_text() == "second"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """What cannot be written changes nothing and leaves no draft."""
    path = tmp_path / "file"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_drafts_are_hidden_and_never_the_same(tmp_path: Path) -> None:
    """Two writers of one file do not write to one draft."""
    drafts = {draft_beside(tmp_path / "file") for _ in range(50)}
    assert len(drafts) == 50
    assert all(draft.parent == tmp_path and draft.name.startswith(".") for draft in drafts)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EACCES, PermissionDenied),
        (errno.EROFS, PermissionDenied),
        (errno.ENOSPC, QuotaExceeded),
        (errno.EDQUOT, QuotaExceeded),
        (errno.ENOENT, NotFound),
        (errno.EISDIR, InvalidRequest),
        (errno.ELOOP, InvalidRequest),
        (errno.EIO, Transient),
    ],
)
def test_what_the_system_says_is_an_error_of_the_contract(number: int, kind: type[ProviderError]) -> None:
    """Each refusal of the system is the leaf that core acts on, with the path and what we wanted."""
    error = translate(OSError(number, os.strerror(number), "/some/file"), "do this")
    assert type(error) is kind
    assert error.message == f"cannot do this: {os.strerror(number)} (/some/file)"


def test_only_refusals_of_the_system_are_translated(tmp_path: Path) -> None:
    """A mistake in the program stays what it is."""
    with pytest.raises(NotFound, match="cannot read that"), refusals("read that"):
        (tmp_path / "missing").read_text()
    with pytest.raises(KeyError), refusals("read that"):
        {}["missing"]


def test_what_is_mounted_below_is_not_removed_with_it(tmp_path: Path) -> None:
    """Mounts are taken away first, however deep, and nothing is said of a directory without any."""
    source, node = tmp_path / "source", tmp_path / "a node"
    (source / "sub").mkdir(parents=True)
    (source / "kept").write_text("kept")
    (node / "deep" / "m").mkdir(parents=True)
    unmount_below(node)
    unmount_below(tmp_path / "nowhere")
    with small_disk(tmp_path / "other", "size=1m"):  # for root only, and where mounting works
        for place, what in ((node / "deep" / "m", source), (node / "deep" / "m" / "sub", tmp_path / "other")):
            subprocess.run(["mount", "--bind", what, place], check=True)
        assert (node / "deep" / "m" / "kept").exists()
        unmount_below(node)
        assert list((node / "deep" / "m").iterdir()) == []
    assert (source / "kept").read_text() == "kept"
