"""The settings section ``plugins.notify``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

GONE = "gone"  # not a state on record: the cluster was removed
WORTH_TELLING = frozenset({"up", "stopped", "preempted", "lost", "failed", GONE})


class Settings(BaseModel):
    """Where to post, what, and how long to wait (seconds) for each server."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    urls: tuple[SecretStr, ...] = ()
    states: frozenset[str] = WORTH_TELLING
    timeout: Annotated[float, Field(gt=0, le=60)] = 5.0
