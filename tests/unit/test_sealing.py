"""Text is sealed so that only who has the key, and asks about the same thing, reads it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api.errors import InvalidConfig, PluginError
from styx.plugins.manager import PluginManager
from styx.sealing import Sealer, SealingError
from styx.store import Store

KEY = bytes(range(32))


@given(st.text(), st.text())
def test_what_was_sealed_is_opened(text: str, about: str) -> None:
    """Any text comes back, and its sealed form is plain ASCII."""
    sealed = Sealer(KEY).seal(text, about)
    assert sealed.isascii()
    assert Sealer(KEY).unseal(sealed, about) == text


def test_equal_texts_look_different() -> None:
    """Nobody sees from the database that two jobs have the same secret."""
    assert Sealer(KEY).seal("same", "job:1") != Sealer(KEY).seal("same", "job:1")


def test_another_row_cannot_open_it() -> None:
    """Sealed text that was moved to another row is refused, and the error does not hold it."""
    with pytest.raises(SealingError, match="job:2 were changed"):
        Sealer(KEY).unseal(Sealer(KEY).seal("hush", "job:1"), "job:2")


def test_another_key_is_named_as_the_reason() -> None:
    """A server with another key is told so, and what servers have to share."""
    with pytest.raises(SealingError, match="sealed under another key") as refused:
        Sealer(bytes(32)).unseal(Sealer(KEY).seal("hush", "job:1"), "job:1")
    assert "secret.key" in str(refused.value.hint)


def test_a_database_has_the_key_of_its_first_server(tmp_path: Path) -> None:
    """Another is refused with its file and what to do, until the first is forgotten."""
    first, other = Sealer.open(tmp_path / "a"), Sealer.open(tmp_path / "b")
    with Store.open(home=tmp_path / "a") as store:
        first.require_for(store)
        Sealer.open(tmp_path / "a").require_for(store)
        with pytest.raises(
            SealingError, match=r"b/secret\.key is another key than the one of this database"
        ) as refused:
            other.require_for(store)
        assert "copy secret.key from the home of another" in str(refused.value.hint)
        store.forget_sealing_key()
        other.require_for(store)
        with pytest.raises(SealingError):
            first.require_for(store)


@given(st.data())
def test_no_change_goes_unnoticed(data: st.DataObject) -> None:
    """Whatever is changed, cut or made up is refused, never opened to something else."""
    sealed = Sealer(KEY).seal("hush", "job:1")
    place = data.draw(st.integers(0, len(sealed) - 1))
    for changed in (sealed[:place], sealed[:place] + data.draw(st.text(max_size=40))):
        if changed != sealed:
            with pytest.raises(SealingError):
                Sealer(KEY).unseal(changed, "job:1")


def test_the_key_is_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    """Of many who begin at the same time one makes the key, and all use it."""
    home = tmp_path / "home"
    with ThreadPoolExecutor(8) as pool:
        sealers = list(pool.map(lambda _: Sealer.open(home), range(8)))
    sealed = sealers[0].seal("hush", "x")
    assert {sealer.unseal(sealed, "x") for sealer in sealers} == {"hush"}
    assert (home / "secret.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in home.iterdir()] == ["secret.key"]


@pytest.mark.parametrize("content", ["", "abcd", "no hexadecimal", "\x00" * 70, "ü" * 64])
def test_a_broken_key_is_no_key(tmp_path: Path, content: str) -> None:
    """A key file with something else in it is an error that says what to do, and is left as it is."""
    path = tmp_path / "secret.key"
    path.write_text(content, encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(InvalidConfig, match="holds no key"):
        Sealer.open(tmp_path)
    assert path.read_text(encoding="utf-8") == content


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """As ssh does with its keys."""
    Sealer.open(tmp_path)
    (tmp_path / "secret.key").chmod(0o640)
    with pytest.raises(InvalidConfig, match="can be read by others"):
        Sealer.open(tmp_path)


class Keys:
    """Stands for the plugin manager: one plugin, which has a key, in this status."""

    def __init__(self, key: object, status: str = "ok") -> None:
        self.key = key
        manifest = {"implements": ["styx_sealing_key"]}
        why: Any = lambda _="": ("it is broken", "Mend it.")  # noqa: E731
        self.plugins = [SimpleNamespace(name="kms", status=status, manifest=manifest, why=why)]

    def implements(self, hook: str) -> bool:
        """It has the hook."""
        return hook == "styx_sealing_key"

    def first(self, hook: str) -> object:
        """What it answers."""
        assert hook == "styx_sealing_key"
        return self.key


def keys(key: object, status: str = "ok") -> PluginManager:
    """A plugin manager with such a plugin."""
    return cast("PluginManager", Keys(key, status))


def test_a_plugin_may_have_the_key(tmp_path: Path) -> None:
    """Then no file is made."""
    sealed = Sealer.open(tmp_path, keys(KEY)).seal("hush", "x")
    assert Sealer(KEY).unseal(sealed, "x") == "hush"
    assert list(tmp_path.iterdir()) == []


def test_a_plugin_that_cannot_be_used_is_not_passed_over(tmp_path: Path) -> None:
    """Going on with another key would lose what is sealed."""
    with pytest.raises(PluginError, match="sealing key of plugin 'kms'"):
        Sealer.open(tmp_path, keys(KEY, "broken"))
    with pytest.raises(InvalidConfig, match="not 32 bytes"):
        Sealer.open(tmp_path, keys("text"))
    assert list(tmp_path.iterdir()) == []
