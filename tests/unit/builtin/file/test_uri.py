"""Which keys there are, and that none leads out of its bucket."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from styx.api import InvalidRequest
from styx.builtin.file.uri import parse

KEYS = st.text(st.characters(exclude_categories=()), max_size=40) | st.lists(
    st.sampled_from(["", ".", "..", "...", "a", ".styx", "\0", " ", "b/", "~", "-x", "é"]), max_size=6
).map("/".join)


@given(key=KEYS)
@example(key="a/../../x")
@example(key=".styx/owner")
@example(key="//x")
@example(key="\ud800")
def test_a_key_is_refused_or_stays_in_its_bucket(key: str) -> None:
    """Whatever the key, it is refused, or names a path strictly below the bucket and outside of its private part."""
    try:
        place = parse(f"file://bucket/{key}")
    except InvalidRequest:
        return
    path = os.path.normpath(Path("/root/bucket", *place.parts))
    assert path == "/root/bucket" + "".join(f"/{part}" for part in place.parts)
    assert place.parts[:1] != (".styx",)
    assert place.key == key
    assert place.prefix == (key == "" or key.endswith("/"))
    path.encode()


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "-x", "a b", "a\0", "é", "x" * 64])
def test_names_that_no_bucket_can_have(name: str) -> None:
    """Names that mean something to the file system, or to a program's options, are refused."""
    with pytest.raises(InvalidRequest, match="cannot be a bucket"):
        parse(f"file://{name}/key")


@pytest.mark.parametrize("uri", ["bucket/key", "s3://bucket/key", "file:/bucket", "FILE://bucket/key", ""])
def test_other_uris_are_refused(uri: str) -> None:
    """Only ``file://`` is ours."""
    with pytest.raises(InvalidRequest, match="is not a file://BUCKET/KEY"):
        parse(uri)


def test_percent_signs_and_question_marks_are_letters() -> None:
    """The key is the text after the bucket, as it is."""
    assert parse("file://b/100%25?x#y").parts == ("100%25?x#y",)
