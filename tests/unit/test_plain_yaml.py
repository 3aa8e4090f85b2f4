"""YAML of settings."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api import InvalidConfig
from styx.plain_yaml import read

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{here}: &{here} [{', '.join([f'*{before}'] * 10)}]\n" for before, here in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\na: 2\n", "settings:2: not valid YAML: key 'a' is given twice"),
        ("x: {a: {b: 1, b: 2}}", "key 'b' is given twice"),
        ("a: [", "settings:1: not valid YAML"),
        ("a: " + "[" * 100_000, "levels deep"),
        ("a: " + "[" * 200 + "]" * 200, "levels deep"),
        ("a: &a {b: *a}", "inside of itself"),
        ("a: &a [*a]", "inside of itself"),
        (BOMB, "values with its aliases written out"),
        ("a: " + "9" * 10_000, "not valid YAML"),
        ("a: !!timestamp 2026-02-30", "not valid YAML"),
        ("a: !!timestamp 2026-02-28", "a date has no place in settings"),
        ("a: !!binary aGk=", "a bytes has no place"),
        ("a: !!set {b}", "a set has no place"),
        ("? [a]\n: b", "not valid YAML"),
        ("a: !!python/object/apply:os.getpid []", "not valid YAML"),
        ("a: \0", "not valid YAML"),
        ("a: 1\n---\nb: 2\n", "not valid YAML"),
    ],
)
def test_what_is_refused(text: str, says: str) -> None:
    """One sentence each, with the source, and the line where it is known."""
    with pytest.raises(InvalidConfig) as refused:
        read(text, "settings")
    assert refused.value.message.startswith("settings:")
    assert says in refused.value.message
    assert refused.value.file == "settings"


def test_dates_stay_text() -> None:
    """Nothing that JSON could not hold comes out, and a date that does not exist is no mistake."""
    assert read("a: 2026-02-30\nb: 2026-02-28 10:00:00\nc: 010", "s") == {
        "a": "2026-02-30",
        "b": "2026-02-28 10:00:00",
        "c": 8,
    }


def test_aliases_and_merges_are_written_out() -> None:
    """They mean what they mean in YAML."""
    assert read("a: &a {x: 1}\nb: *a\nc: {<<: *a, y: 2}", "s") == {"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 1, "y": 2}}
    assert read("", "s") is None


@given(st.text(alphabet="ab: -[]{}&*!?|>'\"\\n#%@,0123456789.\n\t<~", max_size=60))
def test_any_text_is_data_or_a_sentence(text: str) -> None:
    """Nothing else is raised, and what comes out is plain."""
    try:
        found = read(text, "s")
    except InvalidConfig:
        return
    json.dumps(found, skipkeys=True)
