"""Reading the tables of a manifest."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.plugins.tables import Form, ManifestError, TableReader

WORD = Form(re.compile(r"[a-z]+"), "lower-case letters")
READERS = {
    "text": lambda table, key: table.text(key, WORD),
    "default": lambda table, key: table.text(key, WORD, default=""),
    "choice": lambda table, key: table.choice(key, ("red", "blue")),
    "texts": lambda table, key: table.texts(key, WORD),
    "choices": lambda table, key: table.texts(key, choices=("red", "blue")),
    "table": lambda table, key: table.table(key).finish(),
    "tables": lambda table, key: [each.finish() for each in table.tables(key)],
}
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def read(how: str, data: dict[str, object], key: str = "key") -> object:
    """Read one key in one of the ways that there are."""
    return READERS[how](TableReader(data, "f.toml"), key)


@pytest.mark.parametrize(
    ("how", "value", "result"),
    [
        ("text", "abc", "abc"),
        ("default", "abc", "abc"),
        ("choice", "red", "red"),
        ("texts", ["a", "b"], ["a", "b"]),
        ("texts", [], []),
        ("choices", ["blue"], ["blue"]),
        ("table", {}, None),
        ("tables", [{}, {}], [None, None]),
    ],
)
def test_good(how, value, result):
    """What has the right type and form is returned as it is."""
    assert read(how, {"key": value}) == result


@pytest.mark.parametrize(
    ("how", "result"), [("default", ""), ("texts", []), ("choices", []), ("table", None), ("tables", [])]
)
def test_absent(how, result):
    """What may be absent is empty then."""
    assert read(how, {}) == result


@pytest.mark.parametrize(
    ("how", "data", "message"),
    [
        ("text", {}, "f.toml: key is missing"),
        ("choice", {}, "f.toml: key is missing"),
        ("text", {"kye": "a"}, "f.toml: key is missing; is 'kye' meant to be it?"),
        ("text", {"key": 1}, "f.toml: key must be a text, not a number"),
        ("text", {"key": True}, "f.toml: key must be a text, not a boolean"),
        ("text", {"key": []}, "f.toml: key must be a text, not a list"),
        ("default", {"key": {}}, "f.toml: key must be a text, not a table"),
        ("text", {"key": " "}, "f.toml: key is empty"),
        ("text", {"key": "A1"}, "f.toml: key is 'A1'; it must be lower-case letters"),
        ("text", {"key": "a\n"}, r"f.toml: key is 'a\n'; it must be lower-case letters"),
        ("choice", {"key": "rde"}, "f.toml: key has 'rde', which is not known; did you mean 'red'?"),
        ("choice", {"key": "xyz"}, "f.toml: key has 'xyz', which is not known; known are: blue, red"),
        ("texts", {"key": "a"}, "f.toml: key must be a list, not a text"),
        ("texts", {"key": ["a", 2]}, "f.toml: key[1] must be a text, not a number"),
        ("texts", {"key": ["a", "B"]}, "f.toml: key[1] is 'B'; it must be lower-case letters"),
        ("choices", {"key": ["blu"]}, "f.toml: key has 'blu', which is not known; did you mean 'blue'?"),
        ("table", {"key": "a"}, "f.toml: key must be a table, not a text"),
        ("table", {"key": {"x": 1}}, "f.toml: key.x is not known"),
        ("tables", {"key": [{}, 1]}, "f.toml: key[1] must be a table, not a number"),
        ("tables", {"key": [{}, {"x": 1}]}, "f.toml: key[1].x is not known"),
    ],
)
def test_bad(how, data, message):
    """The message names the file, the key with its position, and the mistake."""
    with pytest.raises(ManifestError) as raised:
        read(how, data)
    assert str(raised.value).startswith(message)


def test_a_key_that_nothing_reads():
    """A key that is not known is an error with the nearest one that is."""
    table = TableReader({"name": "a", "sumary": "b"}, "f.toml")
    table.text("name")
    table.text("summary", default="")
    with pytest.raises(ManifestError, match="sumary is not known; did you mean 'summary'"):
        table.finish()
    table.finish(also=("sumary",))


def test_a_key_that_cannot_be_printed():
    """A key with control characters is shown so that it cannot break the line."""
    with pytest.raises(ManifestError, match=r"f\.toml: 'a\\nb' is not known"):
        TableReader({"a\nb": 1}, "f.toml").finish()


def test_choices_of_nothing():
    """Where nothing can be chosen, the message says so rather than list nothing."""
    with pytest.raises(ManifestError, match="there are none for this kind"):
        TableReader({"key": ["a"]}, "f.toml").texts("key", choices=())


@given(how=st.sampled_from(sorted(READERS)), data=st.dictionaries(st.just("key") | st.text(), values, max_size=3))
def test_whatever_is_there(how, data):
    """Any data is either read or refused with one line."""
    try:
        read(how, data)
    except ManifestError as error:
        complaint = str(error)
    else:
        complaint = "f.toml: key"
    assert complaint.startswith(("f.toml: key", "f.toml: 'key", 'f.toml: "key'))
    assert "\n" not in complaint
