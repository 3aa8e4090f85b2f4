"""Running the program against a client in memory."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from styx.cli.main import main
from support.fake_client import FakeClient
from support.site_packages import site

__all__ = ["site"]

Styx = Callable[..., Result]


class _Program(click.Command):
    """Lets CliRunner run the whole program, errors and exit codes included."""

    def main(self, args=None, prog_name=None, **extra):
        sys.exit(main(args))


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeClient:
    """The client that commands get, in an empty working directory."""
    fake = FakeClient()
    monkeypatch.setattr("styx.client.connect", lambda: fake)
    monkeypatch.chdir(tmp_path)
    return fake


@pytest.fixture
def styx(client: FakeClient) -> Styx:
    """Run ``styx`` with these arguments; exceptions that leave it fail the test."""

    def run(*arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(_Program("styx"), list(arguments), input=stdin, catch_exceptions=False)

    return run


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits at a terminal and can be asked."""
    monkeypatch.setattr("styx.cli.ask.interactive", lambda: True)
    monkeypatch.setattr("styx.cli.consent.interactive", lambda: True)
