"""Where buckets are kept, as ``storage.file`` in config.yaml: ``file: {root: /srv/styx, shared: true}``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, StrictBool, field_validator

from styx.builtin.settings import Settings, wrong


class FileConfig(Settings):
    """``root`` holds a directory for each bucket; by default it is below the home of Styx.

    ``shared`` says that every node sees ``root`` under the same path, as on a network disk: nodes then copy from it by
    themselves, and nothing travels through this machine.

    ``members`` says that all who may use a server may fill that disk: else its administrators alone write there.
    """

    root: Path | None = None
    shared: bool = Field(default=False)
    members: StrictBool = Field(default=False)

    @field_validator("root")
    @classmethod
    def _is_absolute(cls, value: Path | None) -> Path | None:
        if value is None:
            return None
        try:
            path = value.expanduser()
        except RuntimeError as error:
            raise wrong(f"{value}: {error}") from error
        if not path.is_absolute():
            raise wrong(f"{value} must be an absolute path, or begin with ~/")
        return path
