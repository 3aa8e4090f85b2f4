"""Switching plugins on and off, and settling conflicts."""

import pytest

from styx.api import BadInput
from styx.plugins.settings import PluginSettings, load_settings, save_settings
from styx.plugins.status import Plugin
from styx.plugins.switching import disable, enable, find
from support.plugin_packages import MANIFEST, Package


@pytest.fixture
def acme(site) -> Plugin:
    """The plugin ``acme``, installed."""
    from styx.plugins.status import installed

    Package().install(site)
    return find(installed(), "acme")


def test_find(acme: Plugin):
    """A plugin is found by its name, and a near miss is suggested."""
    assert find([acme], "acme") is acme
    with pytest.raises(BadInput) as raised:
        find([acme], "acne")
    assert raised.value.hint == "Did you mean 'acme'?"
    with pytest.raises(BadInput) as raised:
        find([acme], "zzz")
    assert raised.value.hint == "Installed: acme."


def test_disable_and_enable(acme: Plugin):
    """Each undoes the other, and both can be repeated."""
    disable(acme)
    disable(acme)
    assert load_settings() == PluginSettings(deny=("acme",))
    enable(acme)
    enable(acme)
    assert load_settings() == PluginSettings()


def test_enable_where_there_is_an_allow_list(acme: Plugin):
    """An allow list gets the name; the others stay."""
    save_settings(PluginSettings(allow=("local",), deny=("acme", "other")))
    enable(acme)
    assert load_settings() == PluginSettings(allow=("acme", "local"), deny=("other",))


def test_prefer(acme: Plugin):
    """A preference is kept until the plugin is switched off."""
    save_settings(PluginSettings(prefer={"cloud:acme": "other", "cloud:x": "other"}))
    enable(acme, ["cloud:acme", "command:acme"])
    assert load_settings().prefer == {"cloud:acme": "acme", "cloud:x": "other", "command:acme": "acme"}
    disable(acme)
    assert load_settings().prefer == {"cloud:x": "other"}


@pytest.mark.parametrize("claim", ["cloud:other", "acme", "plugin:acme", ""])
def test_prefer_what_is_not_claimed(acme: Plugin, claim):
    """Only what the plugin claims can be given to it; nothing is changed otherwise."""
    with pytest.raises(BadInput, match="does not claim") as raised:
        enable(acme, ["cloud:acme", claim])
    assert raised.value.hint == "It claims cloud:acme, command:acme."
    assert load_settings() == PluginSettings()


def test_prefer_where_nothing_is_claimed(site):
    """A plugin that claims no name says so."""
    from styx.plugins.status import installed

    Package(manifest=MANIFEST.partition("[contract]")[0], clouds=()).install(site)
    with pytest.raises(BadInput) as raised:
        enable(find(installed(), "acme"), ["cloud:acme"])
    assert raised.value.hint == "It claims no name."
