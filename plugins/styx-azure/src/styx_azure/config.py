"""The settings section ``clouds.azure``, and where else a subscription may be named."""

from __future__ import annotations

import os

from pydantic import BaseModel, ConfigDict

from styx.api import InvalidConfig

SUBSCRIPTION_VARIABLE = "AZURE_SUBSCRIPTION_ID"


class Settings(BaseModel):
    """The subscription to ask for, the regions to ask of (if empty, all that it sees), and where the APIs are.

    ``endpoint`` is another Resource Manager, which is asked without credentials.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    subscription: str = ""
    regions: tuple[str, ...] = ()
    endpoint: str = ""
    prices_url: str = "https://prices.azure.com"


def subscription(settings: Settings) -> str:
    """The subscription: of the settings or the environment. Raises InvalidConfig without any."""
    found = settings.subscription or os.environ.get(SUBSCRIPTION_VARIABLE, "")
    if not found:
        hint = f"Set clouds.azure.subscription or {SUBSCRIPTION_VARIABLE} to what `az account show --query id` says."
        raise InvalidConfig("there is no subscription to ask Azure for", hint=hint)
    return found
