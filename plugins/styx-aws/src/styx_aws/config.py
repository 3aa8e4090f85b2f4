"""The settings section ``clouds.aws``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Whose credentials to use and which regions to ask: if empty, those that boto3 finds and all that are enabled."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: str = ""
    regions: tuple[str, ...] = ()
