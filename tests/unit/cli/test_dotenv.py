"""Variables from options and files."""

from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.cli.dotenv import collect, read_file


def read(tmp_path: Path, text: str) -> dict[str, str]:
    """Read a file with this text."""
    file = tmp_path / "vars"
    file.write_text(text)
    return read_file(file, "--env-file")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("\n  \n# comment\n", {}),
        ("A=1", {"A": "1"}),
        ("export A=1\nB = 2\n", {"A": "1", "B": "2"}),
        ("A=", {"A": ""}),
        ("A=a b # comment", {"A": "a b"}),
        ("A=a#b", {"A": "a#b"}),
        ("A='a # b' # comment", {"A": "a # b"}),
        ('A="a\\n\\"b\\" $X \\\\"', {"A": 'a\n"b" $X \\'}),
        (r"A='a\n'", {"A": r"a\n"}),
        ("A=b=c", {"A": "b=c"}),
        ("A=1\nA=2", {"A": "2"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
    ],
)
def test_files(tmp_path, text, values):
    """Comments, quotes and ``export`` mean what they do in a shell; nothing is expanded."""
    assert read(tmp_path, text) == values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A=1\n1B=2", "'1B' is not a variable name"),
        ("A B=2", "'A B' is not a variable name"),
        ("hunter2!", "this is not a variable name"),
        ("A='open", "the ' is not closed"),
        ('A="open', 'the " is not closed'),
        ("A='x' y", "something follows it"),
        ("SURELY_NOT_SET", "SURELY_NOT_SET has no value, and is not set in this shell either"),
    ],
)
def test_bad_files(tmp_path, text, message):
    """A mistake is told with file and line; a word that may be a secret is not repeated."""
    with pytest.raises(click.BadParameter) as raised:
        read(tmp_path, text)
    assert message in raised.value.message
    assert f"vars:{len(text.splitlines())}" in raised.value.param_hint
    assert "hunter2" not in raised.value.message


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_files_that_cannot_be_read(tmp_path, content):
    """A missing or binary file is one message."""
    file = tmp_path / "vars"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(click.BadParameter, match="cannot read"):
        read_file(file, "--env-file")


def test_order(tmp_path, monkeypatch):
    """Later files win over earlier ones and options over files; a bare name takes this shell's value."""
    for name, text in (("one", "A=1\nB=1\nC=1"), ("two", "B=2\nC=2")):
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("HERE", "here")
    found = collect(["C=3", "HERE", "D="], [str(tmp_path / "one"), str(tmp_path / "two")], "--env")
    assert found == {"A": "1", "B": "2", "C": "3", "HERE": "here", "D": ""}


@given(st.dictionaries(st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True), st.text(alphabet="ab '\"$#\\=")))
def test_quoting_keeps_everything(tmp_path_factory, values):
    """Whatever is written in double quotes, with those and backslashes escaped, comes back."""
    quoted = [f'{name}="' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for name, text in values.items()]
    assert read(tmp_path_factory.mktemp("vars"), "\n".join(quoted)) == values
