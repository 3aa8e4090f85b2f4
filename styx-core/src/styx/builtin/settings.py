"""The base of the built-ins' settings."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


class Settings(BaseModel):
    """A section of config.yaml. Unknown keys are errors, which name the nearest known one."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def wrong(message: str) -> PydanticCustomError:
    """The error for a validator to raise: pydantic shows the message as it is."""
    return PydanticCustomError("wrong", "{message}", {"message": message})
