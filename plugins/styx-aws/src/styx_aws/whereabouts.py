"""From where this client is seen: what SSH has to be let in from."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from styx.api import InvalidConfig, Transient
from styx_aws.config import Settings

_SECONDS = 10.0
_MOST = 64  # bytes of an answer


def networks(settings: Settings) -> tuple[str, ...]:
    """The networks to let in: those of the settings, or else this client's own public address alone.

    Raises Transient when nobody tells the address.
    """
    if settings.admit:
        return settings.admit
    return (str(ip_network(_own_address(settings.checkip))),)


def _own_address(url: str) -> str:
    """The address that the service sees us come from."""
    if urlsplit(url).scheme not in {"http", "https"}:
        raise InvalidConfig(f"clouds.aws.checkip is {url!r}, which is not the URL of a service", field="checkip")
    hint = "`styx config set clouds.aws.admit '[203.0.113.0/24]'` names your networks, and then nobody is asked."
    try:
        with urlopen(Request(url), timeout=_SECONDS) as answer:  # noqa: S310 - the scheme was looked at
            said = answer.read(_MOST).decode("ascii", errors="replace").strip()
        return str(ip_address(said))
    except (URLError, OSError) as error:
        raise Transient(f"{url} does not tell this client's address: {error}", hint=hint) from error
    except ValueError as error:
        raise Transient(f"{url} told {said!r} where it should tell this client's address", hint=hint) from error
