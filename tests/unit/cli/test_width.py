"""How wide help is printed."""

import pytest

from styx.cli.width import help_width


@pytest.mark.parametrize(
    ("columns", "width"),
    [("200", 78), ("80", 78), ("60", 58), ("10", 50), ("", 78), ("x", 78), ("-5", 50), ("0", 78)],
)
def test_columns(monkeypatch, columns, width):
    """Help is as wide as the terminal, within reason; what cannot be known is taken for eighty."""
    monkeypatch.setenv("COLUMNS", columns)
    assert help_width() == width


def test_like_click(monkeypatch):
    """The width is what click would choose."""
    import click

    for columns in ("20", "55", "79", "500"):
        monkeypatch.setenv("COLUMNS", columns)
        assert help_width() == click.HelpFormatter().width
