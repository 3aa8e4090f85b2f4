"""What the user lets plugins do."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api import InvalidConfig
from styx.plugins.settings import PluginSettings, load_settings, save_settings


@pytest.fixture
def file(styx_home: Path) -> Path:
    """Where the settings are; its directory is there."""
    styx_home.mkdir()
    return styx_home / "plugins.json"


def test_nothing_set(styx_home: Path):
    """Without a file everything may be used, and reading makes none."""
    assert load_settings() == PluginSettings(None, (), {})
    assert load_settings().off("acme") is None
    assert not styx_home.exists()


@given(
    allow=st.none() | st.lists(st.text()),
    deny=st.lists(st.text()),
    prefer=st.dictionaries(st.text(), st.text()),
)
def test_what_is_saved_is_read(allow, deny, prefer):
    """Saving and reading gives the same, lists sorted."""
    save_settings(PluginSettings(None if allow is None else tuple(allow), tuple(deny), prefer))
    assert load_settings() == PluginSettings(
        None if allow is None else tuple(sorted(allow)), tuple(sorted(deny)), prefer
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ("\x00", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("[]", "must hold a JSON object"),
        ("null", "must hold a JSON object"),
        ('{"denny": []}', "unknown key 'denny'; known are allow, deny, prefer"),
        ('{"deny": "acme"}', "deny must be a list of plugin names"),
        ('{"deny": null}', "deny must be a list of plugin names"),
        ('{"allow": [1]}', "allow must be a list of plugin names"),
        ('{"prefer": []}', "prefer must map names to plugins"),
        ('{"prefer": {"cloud:acme": 1}}', "prefer must map names to plugins"),
    ],
)
def test_a_file_that_cannot_be_understood(file: Path, content, message):
    """A deny list must not be lost to a typing error: a bad file is an error that names it, not an empty one."""
    file.write_text(content)
    with pytest.raises(InvalidConfig) as raised:
        load_settings()
    assert message in raised.value.message
    assert str(file) in raised.value.message
    assert raised.value.exit_code == 2


@pytest.mark.parametrize("content", ['{"allow": null}', "{}", '{"deny": []}'])
def test_empty_forms(file: Path, content):
    """Empty settings in any form let everything through."""
    file.write_text(content)
    assert load_settings().off("acme") is None


def test_a_file_that_cannot_be_written(styx_home: Path):
    """A home that cannot be written is an error that says so."""
    styx_home.write_text("in the way")
    with pytest.raises(InvalidConfig, match="cannot be written"):
        save_settings(PluginSettings())


def test_a_file_is_replaced_whole(file: Path):
    """Saving leaves one file, and no temporary one."""
    save_settings(PluginSettings(deny=("a",)))
    save_settings(PluginSettings(deny=("b",)))
    assert json.loads(file.read_text()) == {"deny": ["b"], "prefer": {}}
    assert [path.name for path in file.parent.iterdir()] == ["plugins.json"]


@pytest.mark.parametrize(
    ("settings", "environment", "reason"),
    [
        (PluginSettings(), {}, None),
        (PluginSettings(deny=("acme",)), {}, "switched off in"),
        (PluginSettings(allow=("local",)), {}, "the allow list in"),
        (PluginSettings(allow=("acme",)), {}, None),
        (PluginSettings(allow=()), {}, "the allow list in"),
        (PluginSettings(allow=("acme",), deny=("acme",)), {}, "switched off in"),
        (PluginSettings(), {"STYX_PLUGINS_DENY": "x, acme"}, "STYX_PLUGINS_DENY names it"),
        (PluginSettings(), {"STYX_PLUGINS_DENY": ""}, None),
        (PluginSettings(), {"STYX_PLUGINS_ALLOW": "local,ssh"}, "STYX_PLUGINS_ALLOW does not name it"),
        (PluginSettings(), {"STYX_PLUGINS_ALLOW": ""}, "STYX_PLUGINS_ALLOW does not name it"),
        (PluginSettings(), {"STYX_PLUGINS_ALLOW": "acme"}, None),
        (PluginSettings(deny=("acme",)), {"STYX_PLUGINS_ALLOW": "acme"}, "switched off in"),
        (PluginSettings(allow=("local",)), {"STYX_PLUGINS_ALLOW": "acme"}, "the allow list in"),
    ],
)
def test_off(monkeypatch, settings, environment, reason):
    """Deny wins over allow; the environment can take away and never gives back."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = settings.off("acme")
    if reason is None:
        assert found is None
        return
    why, fix = found
    assert reason in why
    # What switches it on again is where it was switched off.
    variable = next((name for name in environment if name in why), None)
    assert variable in fix if variable else fix == "`styx plugins enable acme` switches it on."
