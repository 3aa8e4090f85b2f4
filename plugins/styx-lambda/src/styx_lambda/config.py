"""The settings section ``clouds.lambda``, and where else a key may be kept."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr

from styx.api import AuthFailed

KEY_VARIABLE = "LAMBDA_API_KEY"
KEY_FILE = "~/.lambda_cloud/lambda_keys"


class Settings(BaseModel):
    """The key to use, if it is kept nowhere else, and the API to ask."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_key: SecretStr = SecretStr("")
    url: str = "https://cloud.lambda.ai/api/v1"


def api_key(settings: Settings) -> str:
    """The key: of the settings, the environment, or the file that SkyPilot reads. Raises AuthFailed without any."""
    key = settings.api_key.get_secret_value() or os.environ.get(KEY_VARIABLE, "") or _from_file()
    if not key.strip():
        hint = f"Put one from Lambda's dashboard into {KEY_VARIABLE}, or into {KEY_FILE} as a line `api_key = KEY`."
        raise AuthFailed("there is no key for Lambda's API", hint=hint)
    return key.strip()


def _from_file() -> str:
    try:
        lines = Path(KEY_FILE).expanduser().read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise AuthFailed(f"{KEY_FILE} cannot be read: {error}", hint="It has a line `api_key = KEY`.") from error
    found = (line.partition("=") for line in lines)
    return next((value.strip() for name, _, value in found if name.strip() == "api_key"), "")
