"""What the user says about machines they own, as ``clouds.ssh`` in config.yaml.

::

    clouds:
      ssh:
        pools:
          lab:
            user: me                       # for all hosts below, unless one says otherwise
            identity_file: ~/.ssh/lab
            hosts:
              - 10.0.0.5
              - admin@10.0.0.6:2222
              - {host: gpu1.example.org, accelerators: {A100: 8}, vcpus: 128, memory_gib: 1024}

A pool is written like one in SkyPilot's ``~/.sky/ssh_node_pools.yaml``; its ``ip`` is accepted for ``host``.

Without an ``identity_file`` the keys are those of the user's agent and the usual ones below ``$HOME/.ssh``, like
``id_ed25519``, if they have no passphrase; ``styx ssh`` uses the same ones. A machine that is given back is as it was,
but for what ``file_mounts`` and jobs put into its home outside the working directory: that stays, as it is yours.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from styx.builtin.settings import Settings, wrong

SSH_PORT = 22

_POOL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_ADDRESS = re.compile(r"(?:(?P<user>[^@\s]+)@)?(?P<host>\[[^\]\s]+\]|[^@:\s\[\]]+)(?::(?P<port>\d+))?")
_WORD = re.compile(r"[^\s-]\S*")  # nothing that a program could take for an option
_DEVICE = re.compile(r"(?P<name>[A-Za-z][\w-]*)(?::(?P<count>\d+))?")


def _text_as_mapping(value: Any) -> Any:
    """``me@10.0.0.5:22`` as the mapping it stands for."""
    if not isinstance(value, str):
        return value
    match = _ADDRESS.fullmatch(value.strip())
    if match is None:
        raise wrong(f"{value!r} is not a host; write [user@]host[:port]")
    parts = {name: text for name, text in match.groupdict().items() if text is not None}
    return parts | {"host": parts["host"].strip("[]")}


def _devices_as_mapping(value: Any) -> Any:
    """``A100:8`` as ``{"A100": 8}``."""
    if not isinstance(value, str):
        return value
    match = _DEVICE.fullmatch(value.strip())
    if match is None:
        raise wrong(f"{value!r} is not a device; write NAME or NAME:COUNT")
    return {match["name"]: int(match["count"] or 1)}


class _Access(Settings):
    """What may be said of a host and of a whole pool."""

    user: str = ""  # else the present user's name
    port: int = Field(default=SSH_PORT, ge=1, le=65535)
    identity_file: str = ""  # else the present user's own keys and agent
    proxy_jump: str = ""  # [user@]host[:port], by the user's own SSH configuration
    hourly_price: Decimal | None = Field(default=None, ge=0)  # USD; what the owner wants it to count as
    password: Any = Field(default=None, exclude=True)

    @field_validator("user", "identity_file", "proxy_jump")
    @classmethod
    def _is_a_word(cls, value: str) -> str:
        if value and not _WORD.fullmatch(value) and not value.startswith(("~", "/")):
            raise wrong(f"{value!r} has spaces or begins like an option")
        return value

    @field_validator("password")
    @classmethod
    def _is_not_here(cls, value: Any) -> Any:
        if value is not None:
            raise wrong("a password is not accepted here; let a key in (ssh-copy-id) and set identity_file")
        return value


class HostConfig(_Access):
    """One machine. Sizes that are left out are asked of the machine itself, once."""

    host: str
    host_key: str = ""  # OpenSSH public key lines; else pinned at the first contact
    private_ip: str = ""  # by which the pool's other hosts reach it; else the address it sees itself under
    vcpus: float | None = Field(default=None, gt=0)
    memory_gib: float | None = Field(default=None, gt=0)
    accelerators: Annotated[dict[str, int] | None, BeforeValidator(_devices_as_mapping)] = None

    @model_validator(mode="before")
    @classmethod
    def _ip_is_host(cls, data: Any) -> Any:
        if isinstance(data, dict) and "ip" in data:
            if "host" in data:
                raise wrong("give host or ip, not both")
            data = {**data, "host": data["ip"]}
            del data["ip"]
        return data

    @field_validator("host")
    @classmethod
    def _host_is_a_word(cls, value: str) -> str:
        if not _WORD.fullmatch(value):
            raise wrong(f"{value!r} is not a host name or address")
        return value

    @field_validator("host_key")
    @classmethod
    def _is_a_public_key(cls, value: str) -> str:
        for line in value.splitlines():
            if line.strip() and not re.match(r"(ssh|ecdsa|sk)-[\w@.-]+ [A-Za-z0-9+/=]+", line.strip()):
                raise wrong("not an OpenSSH public key; /etc/ssh/ssh_host_ed25519_key.pub on the host has it")
        return value

    @field_validator("accelerators")
    @classmethod
    def _counts_exist(cls, value: dict[str, int] | None) -> dict[str, int] | None:
        for name, count in (value or {}).items():
            if count < 1:
                raise wrong(f"{name}: a count is at least 1")
        return value

    def __hash__(self) -> int:
        return hash((self.host, self.port))

    @property
    def label(self) -> str:
        """The host as it is shown: its name, and the port where it is not SSH's own."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return self.host if self.port == SSH_PORT else f"{name}:{self.port}"


class PoolConfig(_Access):
    """Machines that reach each other. Access settings hold for all hosts that do not say otherwise."""

    hosts: list[Annotated[HostConfig, BeforeValidator(_text_as_mapping)]] = Field(min_length=1)

    @model_validator(mode="after")
    def _hosts_inherit(self) -> PoolConfig:
        ours = {name: getattr(self, name) for name in self.model_fields_set & _Access.model_fields.keys()}
        hosts = [host.model_copy(update={k: v for k, v in ours.items() if k not in host.model_fields_set})
                 for host in self.hosts]  # fmt: skip
        object.__setattr__(self, "hosts", hosts)
        return self


class SshConfig(Settings):
    """All pools by name. The name is the region: ``infra: ssh/lab``."""

    pools: dict[str, PoolConfig] = Field(default_factory=dict)

    @field_validator("pools")
    @classmethod
    def _names_and_hosts_are_unique(cls, pools: dict[str, PoolConfig]) -> dict[str, PoolConfig]:
        seen: dict[tuple[str, int], str] = {}
        for name, pool in pools.items():
            if not _POOL_NAME.fullmatch(name):
                raise wrong(f"{name!r} cannot be a pool's name: letters, digits, '.', '_' and '-', 63 at most")
            for host in pool.hosts:
                key = (host.host.lower(), host.port)
                if key in seen:
                    where = f"pool {name}" if seen[key] == name else f"pools {seen[key]} and {name}"
                    raise wrong(f"host {host.label} is twice in {where}; a machine can be rented only once")
                seen[key] = name
        return pools
