"""The settings section ``clouds.aws``."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from styx.api import InvalidConfig


class Settings(BaseModel):
    """Whose credentials to use and which regions to ask: if empty, those that boto3 finds and all that are enabled."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: str = ""
    regions: tuple[str, ...] = ()


def settings(given: Any) -> Settings:
    """What core hands over as checked settings. Raises InvalidConfig with the key that is wrong."""
    if isinstance(given, Settings):
        return given
    try:
        return Settings.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(["clouds.aws", *map(str, first["loc"])])
        raise InvalidConfig(f"{key}: {first['msg']}", hint=f"`styx config get {key}` shows what it is.") from error
