"""The settings section ``clouds.aws``."""

from __future__ import annotations

import os
import re
from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d")


def is_region(name: str) -> bool:
    """Whether it has the form of a region's name; AWS alone knows which there are."""
    return _REGION.fullmatch(name) is not None


def _region(name: str) -> str:
    if not is_region(name):
        raise ValueError(f"{name!r} is no name of a region, like eu-west-1")
    return name


def _network(text: str) -> str:
    return str(ip_network(text))


def _checkip() -> str:
    return os.environ.get("STYX_AWS_CHECKIP") or "https://checkip.amazonaws.com"


def _ssh_port() -> int:
    return int(os.environ.get("STYX_AWS_SSH_PORT") or 22)


class Settings(BaseModel):
    """Whose credentials to use, which regions to look at, and how to reach machines there. The README explains each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: str = ""
    regions: tuple[Annotated[str, AfterValidator(_region)], ...] = ()
    vpc: str = ""
    admit: tuple[Annotated[str, AfterValidator(_network)], ...] = ()
    checkip: str = Field(default_factory=_checkip)
    ssh_port: int = Field(default_factory=_ssh_port, gt=0, lt=65536)
