"""YAML text to plain data with lines."""

from __future__ import annotations

import pytest
import yaml

from styx.api.errors import InvalidTask
from styx.spec import reader
from styx.spec.place import Listed, Mapped
from styx.spec.reader import MAX_DEPTH, read_text


@pytest.fixture(autouse=True, params=["CSafeLoader", "SafeLoader"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything holds for libyaml's parser and for the one in Python, which is used where libyaml is missing."""
    monkeypatch.setattr(reader, "_Loader", getattr(yaml, request.param))


def read(text: str) -> object:
    """The one document of a text."""
    (document,) = read_text(text, "f.yaml")
    return document


@pytest.mark.parametrize(
    "text",
    [
        "{a: 1, b: -2, c: +3, d: 0x1f, e: 0b11, f: 017, g: 1_000}",
        "{a: 1.5, b: -.5, c: 1.5e+3, d: 1_0.5, e: 1e3}",
        "{a: true, b: No, c: ON, d: y, e: null, f: ~, g: }",
        "a: |\n  x\n  y\nb: >\n  x\n  y\n",
        "a: &x [1, {b: c}]\nd: *x\n",
        "a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}\nc: {<<: [*x, {r: 4, p: 5}]}\n",
        "a: !!str 12\nb: !!int '12'\nc: !!float 3.5\nd: !!bool 'yes'\n",
        "a: ''\nb: '1'\nc: \"null\"\n",
        "? a\n: b\n",
        "&k a: 1\nb: {*k : 2}\nc: *k\n",
    ],
)
def test_means_what_the_safe_loader_means(text: str) -> None:
    """Ordinary YAML is read as PyYAML's safe loader reads it."""
    assert read(text) == yaml.safe_load(text)


@pytest.mark.parametrize(
    "written", ["2024-01-01", "12:30", "1:30:00.5", "2024-01-01T10:00:00Z", "9" * 30, ".inf", "-.NaN"]
)
def test_keeps_what_nobody_means_as_text(written: str) -> None:
    """Dates, base-60 numbers, huge integers and infinity stay as they are written."""
    assert read(f"a: {written}") == {"a": written}


def test_keys_are_text_as_they_are_written() -> None:
    """A key that YAML takes for a number, a boolean or null is the text that stands there."""
    assert read("{8080: a, on: b, null: c, 010: d}") == {"8080": "a", "on": "b", "null": "c", "010": "d"}


def test_remembers_lines() -> None:
    """Every key and every item knows its line, also when it came through an alias or a merge."""
    found = read("a:\n  b: &x\n    c: 1\nd:\n  - *x\n  -\n    <<: *x\n    e: 2\n")
    assert isinstance(found, Mapped)
    assert found.lines == {"a": 1, "d": 4}
    items = found["d"]
    assert isinstance(items, Listed)
    assert items.lines == {0: 5, 1: 7}
    merged = items[1]
    assert isinstance(merged, Mapped)
    assert merged.lines == {"e": 8, "c": 3}


def test_leaves_out_null_documents() -> None:
    """Empty documents between others do not count, and anchors end with their document."""
    assert read_text("---\n---\na: 1\n---\n~\n---\nb: 2\n", None) == [{"a": 1}, {"b": 2}]
    with pytest.raises(InvalidTask, match="no anchor"):
        read_text("a: &x 1\n---\nb: *x\n", None)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: 1\nb: 2\na: 3", 3, "'a' is already given on line 1"),
        ("a:\n  b: 1\n  b: 2", 3, "a: key 'b' is already given on line 2"),
        ("{1: a, '1': b}", 1, "already given"),
        ("a: &x [1]\n*x : b", 2, "cannot be a key"),
        ("a: &x [*x]", 1, "inside of what it stands for"),
        ("a: *x", 1, "no anchor &x"),
        ("[a]: b", 1, "cannot be a key"),
        ("a:\n  {{x}}: 1", 2, "cannot be a key"),
        ("a: !!python/object:os.system x", 1, "not allowed"),
        ("a: !local x", 1, "not allowed"),
        ("a: !!set {b}", 1, "not allowed"),
        ("a: {<<: 3}", 1, "takes a mapping"),
        ('a: "x', 1, "not valid YAML"),
        ("a: 1\n\tb: 2", 2, "not valid YAML"),
        ("a: \x00", None, "not valid YAML"),
    ],
)
def test_refuses_with_the_line(text: str, line: int | None, says: str) -> None:
    """What cannot be read is one InvalidTask with the file, the line and a reason."""
    with pytest.raises(InvalidTask, match=says.replace("(", r"\(")) as caught:
        read_text(text, "f.yaml")
    assert caught.value.file == "f.yaml"
    assert line is None or caught.value.line == line


def test_refuses_aliases_that_explode() -> None:
    """A few lines that stand for billions of values are refused before they are written out."""
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    with pytest.raises(InvalidTask, match="aliases written out"):
        read_text(bomb, None)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_refuses_deep_nesting(opening: str) -> None:
    """A hundred thousand levels are one error, not a crash; so are levels that only an alias makes deep."""
    with pytest.raises(InvalidTask, match=r"deep|nesting"):
        read_text(opening * 100_000, None)
    half = MAX_DEPTH // 2 + 1
    with pytest.raises(InvalidTask, match="deep"):
        read_text(f"a: &x {'[' * half}{']' * half}\nb: {'[' * half}*x{']' * half}\n", None)


def test_refuses_what_is_too_large() -> None:
    """More than a MiB of text is no task."""
    with pytest.raises(InvalidTask, match="MiB"):
        read_text("a" * (1 << 21), None)


def test_refuses_half_a_surrogate_pair() -> None:
    """Text that cannot be written as UTF-8 is refused, wherever it came from."""
    with pytest.raises(InvalidTask, match="surrogate"):
        read_text("a: \ud800", None)
    with pytest.raises(InvalidTask, match="not valid YAML"):
        read_text('a: "\\ud800"', None)
