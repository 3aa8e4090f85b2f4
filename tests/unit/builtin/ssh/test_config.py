"""What may be written under clouds.ssh, and what is said about the rest."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api import InvalidConfig
from styx.builtin.ssh.config import SshConfig
from styx.plugins.config import validated


def read(data: Any) -> SshConfig:
    """The settings, as core reads them."""
    config = validated("ssh", "styx.builtin.ssh.config:SshConfig", data, "clouds.ssh")
    assert isinstance(config, SshConfig)
    return config


def lab(*hosts: Any, **pool: Any) -> dict[str, Any]:
    """Settings with one pool."""
    return {"pools": {"lab": {"hosts": list(hosts), **pool}}}


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        ("10.0.0.5", "", "10.0.0.5", 22),
        ("me@10.0.0.5", "me", "10.0.0.5", 22),
        ("me@gpu1.example.org:2222", "me", "gpu1.example.org", 2222),
        ("[fe80::1]:2222", "", "fe80::1", 2222),
    ],
)
def test_a_host_can_be_one_word(text: str, user: str, host: str, port: int) -> None:
    """``[user@]host[:port]`` stands for the mapping."""
    (found,) = read(lab(text)).pools["lab"].hosts
    assert (found.user, found.host, found.port) == (user, host, port)


def test_a_pool_as_skypilot_writes_it() -> None:
    """A pool of ssh_node_pools.yaml is understood: ``ip`` for ``host``, defaults for the pool, overrides for a host."""
    pool = lab("1.2.3.4", {"ip": "1.2.3.5", "user": "alice", "identity_file": "alice-key"},
               user="ubuntu", identity_file="~/.ssh/id_rsa")  # fmt: skip
    first, second = read(pool).pools["lab"].hosts
    assert (first.host, first.user, first.identity_file) == ("1.2.3.4", "ubuntu", "~/.ssh/id_rsa")
    assert (second.host, second.user, second.identity_file) == ("1.2.3.5", "alice", "alice-key")


def test_what_a_host_says_wins_over_its_pool() -> None:
    """Pool settings are defaults, and a host may go back to the built-in value."""
    first, second = (
        read(lab("a:22", {"host": "b", "hourly_price": 0}, port=2200, hourly_price="1.50")).pools["lab"].hosts
    )
    assert (first.port, first.hourly_price) == (22, Decimal("1.50"))
    assert (second.port, second.hourly_price) == (2200, Decimal(0))


def test_devices_can_be_one_word() -> None:
    """``A100:8`` stands for ``{A100: 8}``, and ``A100`` for one."""
    hosts = read(lab({"host": "a", "accelerators": "A100-80GB:8"}, {"host": "b", "accelerators": "H100"}))
    assert [host.accelerators for host in hosts.pools["lab"].hosts] == [{"A100-80GB": 8}, {"H100": 1}]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"pool": {}}, "clouds.ssh: unknown key 'pool'; did you mean 'pools'?"),
        ({"pools": {"lab": {"hots": ["a"]}}}, "clouds.ssh.pools.lab: unknown key 'hots'; did you mean 'hosts'?"),
        ({"pools": {"lab": {}}}, "clouds.ssh.pools.lab.hosts: Field required"),
        ({"pools": {"lab": None}}, "clouds.ssh.pools.lab"),
        ({"pools": {"la/b": {"hosts": ["a"]}}}, "'la/b' cannot be a pool's name"),
        (lab(), "clouds.ssh.pools.lab.hosts: List should have at least 1 item"),
        (lab("a", {"host": "b", "usr": "x"}), "clouds.ssh.pools.lab.hosts.1: unknown key 'usr'; did you mean 'user'?"),
        (lab({"user": "me"}), "clouds.ssh.pools.lab.hosts.0.host: Field required"),
        (lab({"host": "a", "ip": "b"}), "clouds.ssh.pools.lab.hosts.0: give host or ip, not both"),
        (lab("a b"), "clouds.ssh.pools.lab.hosts.0: 'a b' is not a host; write [user@]host[:port]"),
        (lab("-oProxyCommand=x"), "clouds.ssh.pools.lab.hosts.0.host: '-oProxyCommand=x' is not a host name"),
        (lab({"host": "a", "user": "-oProxyCommand=x"}), "clouds.ssh.pools.lab.hosts.0.user"),
        (lab({"host": "a", "port": 0}), "clouds.ssh.pools.lab.hosts.0.port"),
        (lab("a:99999"), "clouds.ssh.pools.lab.hosts.0.port"),
        (lab({"host": "a", "password": "hunter2"}), "a password is not accepted here; let a key in (ssh-copy-id)"),
        (lab("a", password="hunter2"), "clouds.ssh.pools.lab.password: a password is not accepted here"),
        (lab({"host": "a", "host_key": "SHA256:abc"}), "clouds.ssh.pools.lab.hosts.0.host_key: not an OpenSSH public"),
        (lab({"host": "a", "accelerators": {"A100": 0}}), "clouds.ssh.pools.lab.hosts.0.accelerators: A100: a count"),
        (lab({"host": "a", "vcpus": -1}), "clouds.ssh.pools.lab.hosts.0.vcpus"),
        (lab("a", "me@A"), "host A is twice in pool lab; a machine can be rented only once"),
        ({"pools": {"lab": {"hosts": ["a"]}, "den": {"hosts": ["a"]}}}, "host a is twice in pools lab and den"),
    ],
)
def test_mistakes_name_the_field(data: Any, message: str) -> None:
    """Every mistake is told with where it is and, for a misspelt key, what was meant; never with a password."""
    with pytest.raises(InvalidConfig) as wrong:
        read(data)
    assert message in wrong.value.message
    assert "hunter2" not in wrong.value.message
    assert (wrong.value.field or "").startswith("clouds.ssh")


@given(host=st.text(max_size=30))
def test_no_host_can_be_taken_for_an_option(host: str) -> None:
    """Whatever is written for a host is refused, or a word that begins unlike an option."""
    try:
        (found,) = read(lab(host)).pools["lab"].hosts
    except InvalidConfig:
        return
    assert not found.host.startswith("-")
    assert not found.user.startswith("-")
    assert found.host == "".join(found.host.split())
