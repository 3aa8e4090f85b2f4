"""The settings section ``clouds.gcp``."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from styx.api import InvalidConfig


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


def settings(given: Any) -> Settings:
    """What core hands over as checked settings. Raises InvalidConfig with the key that is wrong, not with its value."""
    if isinstance(given, Settings):
        return given
    try:
        return Settings.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(["clouds.gcp", *map(str, first["loc"])])
        raise InvalidConfig(f"{key}: {first['msg']}", hint=f"`styx config get {key}` shows what it is.") from None
