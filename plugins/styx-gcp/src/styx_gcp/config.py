"""The settings section ``clouds.gcp``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, SecretStr


class Settings(BaseModel):
    """The project to ask in, if it is not that of the credentials, and where the APIs are.

    ``api_key`` is for the prices alone, which else are asked for with the credentials. ``endpoint`` is another Compute
    Engine API; both APIs are then asked without credentials.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    project: str = ""
    api_key: SecretStr = SecretStr("")
    endpoint: str = ""
    billing_url: str = "https://cloudbilling.googleapis.com"
