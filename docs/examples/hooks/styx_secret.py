"""Resolve references such as ``file:hf-token`` from files, of which each user has some."""

from pathlib import Path

from styx.api import BadInput
from styx.hookspecs import hookimpl

KEPT = Path.home() / ".secrets"


@hookimpl
def styx_secret(reference: str, user: str) -> str | None:
    scheme, _, name = reference.partition(":")
    if scheme != "file" or "/" in name:
        return None
    try:
        return (KEPT / user / name).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise BadInput(f"there is no {KEPT / user / name}", hint="Put the secret into it, with mode 0600.") from None
