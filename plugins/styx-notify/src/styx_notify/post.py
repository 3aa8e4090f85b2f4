"""One message to one web hook."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from styx.api import TransportError


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Another address than the one that was written down is none that an administrator has chosen."""

    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        """Go nowhere: the answer is an error then."""


def host(url: str) -> str:
    """The part of the address that may be shown."""
    return urlsplit(url).hostname or "an address without a host"


def post(url: str, message: Mapping[str, str], timeout: float) -> None:
    """Send the message as JSON. Raises TransportError naming the host, and never the address: that is a secret."""
    try:
        if urlsplit(url).scheme not in {"http", "https"}:
            raise ValueError("only http and https are web hooks")
        request = urllib.request.Request(  # noqa: S310 - the scheme was just checked
            url, json.dumps(message).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=timeout):
            return
    except urllib.error.HTTPError as error:
        why = f"it answered {error.code}"
    except (OSError, ValueError) as error:
        why = _plainly(getattr(error, "reason", None) or error).replace(url, host(url))
    raise TransportError(
        f"the web hook on {host(url)} was not told: {why}",
        hint="Check plugins.notify.urls in config.yaml and whether that server runs.",
    ) from None


def _plainly(reason: object) -> str:
    """What went wrong without the number of the error."""
    return getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
