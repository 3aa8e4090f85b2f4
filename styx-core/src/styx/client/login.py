"""Which server this installation works with, if any: what the environment says, or what ``styx api login`` has kept."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, replace
from functools import partial
from ipaddress import ip_address
from urllib.parse import urlsplit

from styx.api.errors import BadInput, InvalidConfig
from styx.config import home
from styx.plugins.paths import make_private
from styx.replacing import replacing

URL_VARIABLE, TOKEN_VARIABLE, PIN_VARIABLE = "STYX_API_URL", "STYX_API_TOKEN", "STYX_API_FINGERPRINT"
FILE = "api.json"
_DIGITS = 64


@dataclass(frozen=True, slots=True)
class Login:
    """A server and the token to show it. ``source`` says where they are from, for people.

    ``fingerprint`` is the SHA-256 of the server's certificate, for one that nobody else vouches for; else empty.
    ``in_clear``: its user has agreed that everybody on the way to it can read the token.
    """

    url: str
    token: str
    source: str = ""
    fingerprint: str = ""
    in_clear: bool = False


def logged_in() -> Login | None:
    """The server to work with; None where the engine runs in this process. Raises InvalidConfig, BadInput.

    ``STYX_API_URL`` wins, with ``STYX_API_TOKEN``; without that, the token that was written down for the same server.
    """
    kept, url = _kept(), os.environ.get(URL_VARIABLE)
    if not url:
        return kept and _agreed(kept)
    url = checked_url(url)
    same = kept if kept is not None and kept.url == url else Login(url, "")
    token, pin = os.environ.get(TOKEN_VARIABLE) or same.token, os.environ.get(PIN_VARIABLE)
    pin = checked_pin(pin) if pin else same.fingerprint
    return _agreed(replace(same, token=token, source=URL_VARIABLE, fingerprint=pin))


def _agreed(login: Login) -> Login:
    if needs_agreement(login.url) and not login.in_clear:
        raise InvalidConfig(
            f"{login.url}, from {login.source}, is reached without TLS: everybody on the way could read the token",
            hint="Name it by https://. If that is how it has to be, `styx api login URL` asks once.",
        )
    return login


def needs_agreement(url: str) -> bool:
    """Whether a token on its way to this server can be read by others."""
    parts = urlsplit(url)
    try:
        here = ip_address(parts.hostname or "").is_loopback
    except ValueError:
        here = parts.hostname == "localhost"
    return parts.scheme == "http" and not here


def save(login: Login) -> None:
    """Write it down, for its user alone to read. Raises OSError."""
    path = home() / FILE
    make_private(str(path.parent))
    draft = path.with_name(f".{FILE}.{secrets.token_hex(4)}")
    kept = {key: value for key, value in asdict(login).items() if key != "source"}
    with replacing(path, draft), open(draft, "x", opener=partial(os.open, mode=0o600), encoding="utf-8") as file:
        json.dump(kept, file)


def forget() -> bool:
    """Forget what was written down; whether there was anything. Idempotent. Raises OSError."""
    try:
        (home() / FILE).unlink()
    except FileNotFoundError:
        return False
    return True


def checked_url(url: str) -> str:
    """The URL of a server as it is kept. Raises BadInput for one that is none."""
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        _ = parts.port
    except ValueError as error:
        raise BadInput(f"{url!r} is no URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise BadInput(f"{url!r} is not the URL of a server", hint="It is such as https://styx.example.org.")
    return parts.geturl().rstrip("/")


def checked_pin(text: str) -> str:
    """The SHA-256 of a certificate as it is kept: hexadecimal, without colons. Raises BadInput."""
    pin = text.replace(":", "").strip().lower()
    if len(pin) != _DIGITS or not set(pin) <= set("0123456789abcdef"):
        raise BadInput(f"{text!r} is not the SHA-256 of a certificate", hint="`styx-server fingerprint` prints it.")
    return pin


def _kept() -> Login | None:
    path = home() / FILE
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        pin, in_clear = str(said.get("fingerprint", "")), said.get("in_clear") is True
        pin = checked_pin(pin) if pin else ""
        return Login(str(said["url"]), str(said["token"]), str(path), pin, in_clear)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidConfig(f"cannot read {path}: {error.strerror}", file=str(path)) from error
    except (BadInput, ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "`styx api login URL` writes it anew, `styx api logout` removes it."
        raise InvalidConfig(f"{path} is not what `styx api login` writes", hint=hint, file=str(path)) from error
