"""The parser of ``styx-plugin.toml``."""

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.plugins import manifest as module
from styx.plugins.kinds import BEHAVIOUR_HOOKS, KINDS
from styx.plugins.manifest import empty_manifest, parse_contract, parse_manifest, salvage_commands
from styx.plugins.tables import ManifestError

SMALLEST = {"name": "acme", "summary": "Machines of Acme Inc."}
CLOUD = {"kind": "cloud", "name": "acme", "target": "styx_acme.cloud:AcmeCloud"}
COMMAND = {"name": "acme", "target": "styx_acme.cli:acme", "help": "Look at your account."}
ONE_CLOUD = {"contract": {"cloud": "1.0"}, "provides": [CLOUD]}


def parse(**more: object) -> module.Manifest:
    """The smallest manifest with more in it."""
    return parse_manifest({**SMALLEST, **more}, "m.toml")


def test_the_documented_example():
    """The example in the module's documentation is a valid manifest, and all of it is read."""
    assert module.__doc__ is not None
    example = tomllib.loads(module.__doc__.split("::\n", 1)[1].rsplit("\nWhat is read", 1)[0])
    manifest = parse_manifest(example, "m.toml")
    assert manifest["contract"] == {"cloud": [1, 0], "hooks": [1, 0]}
    (cloud,) = manifest["provides"]
    assert cloud["capabilities"] == ["stop", "spot"]
    assert manifest["commands"][0]["section"] == "Acme"
    assert set(example) == {key for key, value in manifest.items() if value}


def test_smallest():
    """Name and summary are enough; the rest is empty."""
    assert parse() == {**empty_manifest("acme"), "summary": "Machines of Acme Inc."}


def test_default_section():
    """A command without a section is listed with those of other plugins."""
    assert parse(commands=[COMMAND])["commands"][0]["section"] == "Added by plugins"


def test_it_is_json():
    """A manifest survives being stored in the index."""
    manifest = parse(**ONE_CLOUD, commands=[COMMAND])
    assert json.loads(json.dumps(manifest)) == manifest


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"name": None}, "name is missing"),
        ({"name": "Acme"}, "name is 'Acme'; it must be lower-case letters, digits and dashes"),
        ({"name": "acme-"}, "name is 'acme-'"),
        ({"name": "acme\n"}, "name is 'acme"),
        ({"summary": None}, "summary is missing"),
        ({"summary": ""}, "summary is empty"),
        ({"summry": "x", "summary": None}, "summary is missing; is 'summry' meant to be it?"),
        ({"provide": []}, "provide is not known; did you mean 'provides'?"),
        ({"provides": {}}, "provides must be a list, not a table"),
        ({"provides": [{**CLOUD, "kind": "clod"}]}, "provides[0].kind has 'clod', which is not known; did you mean"),
        ({"provides": [{**CLOUD, "name": "a b"}]}, "provides[0].name is 'a b'"),
        ({"provides": [{**CLOUD, "target": "styx_acme.cloud"}]}, "provides[0].target is 'styx_acme.cloud'"),
        ({"provides": [{**CLOUD, "target": "styx_acme:A.b"}]}, "provides[0].target is 'styx_acme:A.b'"),
        ({"provides": [{**CLOUD, "config": "x"}]}, "provides[0].config is 'x'"),
        ({"provides": [{**CLOUD, "capabilities": ["fly"]}]}, "provides[0].capabilities has 'fly'"),
        ({"provides": [{**CLOUD, "kind": "storage", "capabilities": ["stop"]}]}, "there are none for this kind"),
        ({"provides": [{**CLOUD, "colour": "red"}]}, "provides[0].colour is not known"),
        ({"provides": [CLOUD]}, "contract.cloud is missing; say which version it was written for"),
        ({**ONE_CLOUD, "provides": [CLOUD, CLOUD]}, "provides has cloud 'acme' twice"),
        ({"commands": [COMMAND, COMMAND]}, "commands has 'acme' twice"),
        ({"commands": [{**COMMAND, "help": 1}]}, "commands[0].help must be a text"),
        ({"commands": [{**COMMAND, "target": "x"}]}, "commands[0].target is 'x'"),
        ({"commands": [COMMAND, {**COMMAND, "name": ""}]}, "commands[1].name is empty"),
        ({"contract": {"clouds": "1.0"}}, "contract.clouds is not known; did you mean 'cloud'?"),
        ({"contract": {"cloud": "1"}}, "contract.cloud is '1'; it must be 'major.minor'"),
        ({"contract": {"cloud": 1.0}}, "contract.cloud must be a text, not a number"),
        ({"contract": "1.0"}, "contract must be a table"),
        ({"implements": ["styx_evnt"]}, "implements has 'styx_evnt', which is not known; did you mean 'styx_event'?"),
        ({"implements": ["styx_clouds"], "hooks": "m"}, "implements has 'styx_clouds'"),
        ({"implements": ["styx_event"], "hooks": "m"}, "contract.hooks is missing"),
        ({"implements": ["styx_event"], "contract": {"hooks": "1.0"}}, "hooks is missing; name the module"),
        ({"hooks": "styx_acme.hooks"}, "implements is missing"),
        ({"hooks": "styx acme"}, "hooks is 'styx acme'"),
        ({"requires": ["acme-sdk"]}, "requires[0] is 'acme-sdk'; it must be the name of a module"),
        ({"requires": "acme"}, "requires must be a list"),
        ({"injects": [1]}, "injects[0] must be a text"),
    ],
)
def test_mistakes(more, message):
    """Every mistake is one message that names the file, the key and what is wrong."""
    data = {key: value for key, value in {**SMALLEST, **more}.items() if value is not None}
    with pytest.raises(ManifestError) as raised:
        parse_manifest(data, "m.toml")
    assert message in str(raised.value)
    assert str(raised.value).startswith("m.toml: ")


def test_contract_alone():
    """The versions can be read where the rest was written for another core."""
    data = {"contract": {"cloud": "2.7", "hooks": "1.0"}, "provides": [{"kind": "teleporter"}], "shape": "new"}
    assert parse_contract(data, "m.toml") == {"cloud": [2, 7], "hooks": [1, 0]}


def test_salvage():
    """Commands are read where something else is wrong, and only those that are wrong themselves are left out."""
    data = {"name": 5, "commands": [{"name": "x"}, COMMAND]}
    assert [command["name"] for command in salvage_commands(data, "m.toml")] == ["acme"]
    assert salvage_commands({"commands": [{"name": "x"}]}, "m.toml") == []
    assert salvage_commands({"commands": "acme"}, "m.toml") == []


# Texts, numbers and containers as TOML has them, at the keys that a manifest has and at others.
leaves = st.text(max_size=8) | st.integers() | st.booleans() | st.floats() | st.datetimes()
words = st.sampled_from(
    ["acme", "1.0", "m:C", "styx_event", "cloud", "stop", *KINDS, *BEHAVIOUR_HOOKS, "styx_acme.cloud:AcmeCloud"]
)
keys = st.sampled_from(
    [*empty_manifest(""), *COMMAND, "kind", "capabilities", "cloud"],
) | st.text(max_size=4)
trees = st.recursive(
    words | leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)


@given(st.dictionaries(keys, trees, max_size=6))
def test_any_toml(data):
    """Any data that TOML can hold is a manifest or one ManifestError; commands and contract are read likewise."""
    for parser in (parse_manifest, parse_contract):
        try:
            parser(data, "m.toml")
        except ManifestError as error:
            complaint = str(error)
        else:
            complaint = "m.toml: "
        assert complaint.startswith("m.toml: ")
    assert isinstance(salvage_commands(data, "m.toml"), list)


names = st.from_regex(r"[a-z][a-z0-9]{0,4}(-[a-z0-9]{1,3})?", fullmatch=True)
targets = st.from_regex(r"[a-z_]{1,5}(\.[a-z_]{1,5})?:[A-Z][a-z]{0,4}", fullmatch=True)


@given(
    provided=st.lists(
        st.tuples(st.sampled_from(sorted(KINDS)), names, targets), max_size=4, unique_by=lambda each: each[:2]
    ),
    commands=st.lists(st.tuples(names, targets), max_size=3, unique_by=lambda each: each[0]),
)
def test_what_is_right_is_kept(provided, commands):
    """A manifest without mistakes is read whole and in order."""
    found = parse(
        contract=dict.fromkeys(KINDS, "1.0"),
        provides=[{"kind": kind, "name": name, "target": target} for kind, name, target in provided],
        commands=[{"name": name, "target": target, "help": "Help."} for name, target in commands],
    )
    assert [(each["kind"], each["name"], each["target"]) for each in found["provides"]] == provided
    assert [(each["name"], each["target"]) for each in found["commands"]] == commands
