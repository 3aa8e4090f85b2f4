"""The settings: the section ``clouds.nimbus`` of the user's configuration."""

from pydantic import BaseModel, ConfigDict, SecretStr


class NimbusCloudConfig(BaseModel):
    """Where the market is, and who we are there."""

    model_config = ConfigDict(extra="forbid")

    url: str = "http://127.0.0.1:8750"
    token: SecretStr
