"""Settings of plugins, checked by the plugin's own model."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from styx.api import InvalidConfig
from styx.plugins.config import validated
from styx.plugins.unknown_keys import unknown_key

TARGET = f"{__name__}:Section"


class Host(BaseModel):
    """What is said of one host."""

    model_config = ConfigDict(extra="forbid")
    host: str
    port: int = 22


class Section(BaseModel):
    """A section as a plugin's author writes one."""

    model_config = ConfigDict(extra="forbid")
    urls: tuple[str, ...]
    token: SecretStr | None = None
    size: int = Field(default=1, alias="how-many")
    pools: dict[str, list[Annotated[Host, Field()]]] = {}
    head: Host | None = None


def check(data: object, *, partial: bool = False) -> object:
    """The data as the plugin's section."""
    return validated("acme", TARGET, data, "plugins.acme", partial=partial)


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the plugin system find the model here."""
    monkeypatch.setattr("styx.plugins.config.load_target", lambda _plugin, _target: Section)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"urlz": []}, "plugins.acme: unknown key 'urlz'; did you mean 'urls'? (and 1 more)"),
        ({"urls": [], "howmany": 1}, "plugins.acme: unknown key 'howmany'; did you mean 'how-many'?"),
        ({"urls": [], "zzz": 1}, "plugins.acme: unknown key 'zzz'; known are urls, token, how-many, pools, head"),
        ({"urls": [], "head": {"host": "a", "prt": 1}}, "plugins.acme.head: unknown key 'prt'; did you mean 'port'?"),
        (
            {"urls": [], "pools": {"lab": [{"host": "a"}, {"hots": "b"}]}},
            "plugins.acme.pools.lab.1: unknown key 'hots'; did you mean 'host'? (and 1 more)",
        ),
        ({"urls": "x"}, "plugins.acme.urls: Input should be a valid tuple"),
        ({}, "plugins.acme.urls: Field required"),
    ],
)
def test_mistakes(data, message):
    """A mistake is told with where it is; a misspelt key comes first, with the one that was meant, at any depth."""
    with pytest.raises(InvalidConfig) as wrong:
        check(data)
    assert wrong.value.message == f"settings: {message}"
    assert wrong.value.hint == "`styx config list` shows all settings."


def test_half_written():
    """What is still missing can be forgiven; what is wrong is not."""
    half = {"how-many": 3}
    assert check(half, partial=True) is half
    with pytest.raises(InvalidConfig, match="how-many"):
        check({"how-many": "x"}, partial=True)


def test_a_key_of_what_no_model_is_known_for():
    """A place that cannot be followed, as in a tagged union, is told without a guess."""
    assert unknown_key(Section, ("nowhere", "tag", "x")) == "unknown key 'x'"
