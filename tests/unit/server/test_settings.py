"""Where a server may listen, and what for."""

from __future__ import annotations

from pathlib import Path

import pytest

from styx.api.errors import InvalidConfig
from styx.server.http.certificate import own
from styx.server.settings import Settings


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_on_this_machine_alone_nothing_more_is_needed(host: str) -> None:
    """What nobody else can reach needs no TLS."""
    Settings(host=host).check()


def test_a_proxy_that_is_none() -> None:
    """It is refused before anybody is believed, or nobody."""
    with pytest.raises(InvalidConfig, match="--proxy"):
        Settings(behind_proxy=True, proxies=("10.0.0.1/8",)).check()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "192.0.2.7", "example.org", "localhost.example.org", ""])
def test_elsewhere_it_takes_tls(host: str, tmp_path: Path) -> None:
    """Its own, or that of what stands in front; half of what it takes is nothing, nor is a file that is not one."""
    with pytest.raises(InvalidConfig, match="can read the tokens"):
        Settings(host=host).check()
    Settings(host=host, behind_proxy=True).check()
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    with pytest.raises(InvalidConfig, match="go together"):
        Settings(host=host, tls_cert=certificate).check()
    with pytest.raises(InvalidConfig, match="there is no file"):
        Settings(host=host, tls_cert=certificate, tls_key=key).check()
    certificate.touch()
    key.touch()
    with pytest.raises(InvalidConfig, match="not a certificate and its key"):
        Settings(host=host, tls_cert=certificate, tls_key=key).check()
    certificate, key = own(tmp_path)
    settings = Settings(host=host, tls_cert=certificate, tls_key=key)
    settings.check()
    assert settings.scheme == "https"
