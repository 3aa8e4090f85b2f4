"""How a server is run: where it listens, behind what, and what it takes at most."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit

from styx.api.errors import InvalidConfig

MiB = 1 << 20
_MANY = 1 << 16
# This machine, and private networks.
PRIVATE = ("127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")


@dataclass(frozen=True, slots=True)
class Settings:
    """Sizes are bytes, times seconds. A rate is requests a second, with so many (``burst``) at once; 0 is no limit."""

    host: str = "127.0.0.1"
    port: int = 8080
    tls_cert: Path | None = None
    tls_key: Path | None = None
    behind_proxy: bool = False
    proxies: tuple[str, ...] = PRIVATE  # addresses and networks of what may stand in front
    max_body: int = 2 * MiB
    max_dag: int = 8 * MiB  # of many tasks, by whoever may run it
    user_bodies: int = 64 * MiB  # of one user, at the same time
    max_upload: int = 2048 * MiB
    max_uploads: int = 20480 * MiB  # all of them together, of which the oldest go first
    user_uploads: int = 8192 * MiB  # of one user
    header_patience: float = 20.0  # for the header of a request to come
    body_patience: float = 30.0  # for a body to come; an upload has as long for each MiB
    stalled: float = 60.0  # for a client to read what it is sent
    user_rate: float = 400.0  # with all their tokens
    user_burst: int = 2000
    user_requests: int = field(default_factory=lambda: min(500, _files() // 4))  # of one user, at the same time
    user_work: int = 100  # launches and the like of one user, under way at the same time
    address_rate: float = 10.0  # without a token that is good
    address_burst: int = 100
    connections: int = field(default_factory=lambda: _files() // 2)  # the other half is for what else it opens
    strangers: int = field(default_factory=lambda: _files() // 8)  # of them that have not shaken hands for TLS
    user_questions: int = 4  # of one user that take long, at the same time
    user_waiting: int = 200  # of them that wait for that
    user_transfers: int = 6  # of one user, of objects in stores, at the same time
    streams: int = field(default_factory=lambda: min(1000, _files() // 4))  # at the same time
    user_streams: int = 200  # of one user, whose program may follow 64 things at once
    shells: int = field(default_factory=lambda: min(200, _files() // 16))  # terminals at once, of four files or so
    user_shells: int = 20
    shell_patience: float = 60.0  # for the client of a terminal to be heard of

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def scheme(self) -> str:
        """How it is spoken to."""
        return "https" if self.tls_cert else "http"

    def check(self) -> None:
        """Raise InvalidConfig for what would put tokens on a wire in clear."""
        if (self.tls_cert is None) != (self.tls_key is None):
            raise InvalidConfig("--tls-cert and --tls-key go together")
        for path in (self.tls_cert, self.tls_key):
            if path is not None and not path.is_file():
                raise InvalidConfig(f"there is no file {path}")
        if self.tls_cert and self.tls_key:
            _require_pair(self.tls_cert, self.tls_key)
        for each in self.proxies:
            try:
                ip_network(each)
            except ValueError as error:
                raise InvalidConfig(f"--proxy {each}: {error}", hint="Give an address or a network.") from None
        if not self.loopback and not self.tls_cert and not self.behind_proxy:
            raise InvalidConfig(
                f"{self.host} can be reached from other machines, and without TLS all on the way can read the tokens",
                hint="Give --tls-own, or --tls-cert and --tls-key; or --behind-proxy, if what is in front speaks TLS.",
            )


def _require_pair(certificate: Path, key: Path) -> None:
    """Raise InvalidConfig where these are not a certificate and its key."""
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except OSError as error:  # SSLError too
        raise InvalidConfig(
            f"{certificate} and {key} are not a certificate and its key in PEM, without a password: {error}"
        ) from None


def _files() -> int:
    """How many files this process may have open."""
    found = getrlimit(RLIMIT_NOFILE)[0]
    return _MANY if found == RLIM_INFINITY else found
