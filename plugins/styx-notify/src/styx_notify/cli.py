"""``styx notify``: try the web hooks."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from styx.api import BadInput


@click.group()
def notify() -> None:
    """Tell a chat what becomes of clusters."""


@notify.command()
@click.pass_obj
def test(settings_of: object) -> None:
    """Send one message to every web hook.

    Exit code 74 when one could not be told.
    """
    from styx.hookspecs import Event
    from styx_notify.hooks import Notify, message
    from styx_notify.post import host, post

    assert callable(settings_of)
    settings = Notify(settings_of()).settings
    if not settings.urls:
        hint = "`styx config set plugins.notify.urls '[\"https://...\"]'` names somebody."
        raise BadInput("plugins.notify.urls is empty: there is nobody to tell", hint=hint)
    event = Event(datetime.now(UTC), "cluster", "example", "state", to_state="up", reason="this is a test")
    for url in settings.urls:
        post(url.get_secret_value(), message(event, "up"), settings.timeout)
        click.echo(f"{host(url.get_secret_value())} was told.")
