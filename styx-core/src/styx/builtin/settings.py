"""The base of the built-ins' settings: unknown keys are errors that name the nearest known one."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError


class Settings(BaseModel):
    """A section of config.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _know_every_key(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        known = [name for name in cls.model_fields if name != "name"]
        accepted = {*cls.model_fields, *(field.alias for field in cls.model_fields.values() if field.alias)}
        for key in data:
            if key not in accepted:
                near = get_close_matches(str(key), known, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
                raise PydanticCustomError("unknown_key", "unknown key {key}; {hint}", {"key": repr(key), "hint": hint})
        return data


def wrong(message: str) -> PydanticCustomError:
    """The error for a validator to raise: pydantic shows the message as it is."""
    return PydanticCustomError("wrong", "{message}", {"message": message})
