"""The settings: the section ``clouds.nimbus`` of config.yaml."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, SecretStr


class NimbusConfig(BaseModel):
    """Where the market is, and who we are there."""

    model_config = ConfigDict(extra="forbid")

    url: str = "http://127.0.0.1:8750"
    token: SecretStr
