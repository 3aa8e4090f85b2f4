"""``styx plugins test``: which directory it runs pytest in, and with which options."""

import pytest

PASSES = "def test_it():\n    pass\n"
FAILS = "def test_it():\n    raise AssertionError\n"


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Two packages side by side, one of which fails; the directory one is in is that of the good one."""
    for name, text in (("good", PASSES), ("bad", FAILS)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "test_one.py").write_text(text)
    monkeypatch.chdir(tmp_path / "good")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], 0),
        (["."], 0),
        (["../bad"], 1),
        (["--", "-q"], 0),
        (["--", "-k", "no_such"], 5),
        (["../bad", "--", "-q"], 1),
    ],
)
def test_where_and_with_what(styx, packages, words, code):
    """Without a directory it is this one, options or not; the exit code is pytest's."""
    assert styx("plugins", "test", *words).exit_code == code


def test_no_directory(styx, packages):
    """A word that is no directory is a mistake that is named, not a traceback."""
    result = styx("plugins", "test", "nope")
    assert (result.exit_code, "nope is no directory" in result.stderr) == (2, True)
