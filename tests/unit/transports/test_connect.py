"""SSH endpoints and what failures to connect mean."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api import Endpoint, HostKeyChanged, TransportError
from styx.transports import open_transport
from styx.transports.connect import DEFAULT_KEYS, Target, connect, translate
from styx.transports.ssh import SshTransport

TEXT = st.text(max_size=20)


def test_an_endpoint_with_a_host_alone_has_defaults():
    """Port 22, and nothing else is made up."""
    assert Target.parse({"host": "h"}) == Target("h", 22)


@pytest.mark.parametrize(
    "options",
    [
        {}, {"host": ""}, {"host": "-oProxyCommand=x"}, {"host": "h", "user": "-x"}, {"host": "h", "port": "0"},
        {"host": "h", "port": "65536"}, {"host": "h", "port": "ssh"}, {"host": "h", "port": "-1"},
        {"host": "h", "port": "²"},
    ],
)  # fmt: skip
def test_options_that_make_no_sense_are_refused(options: dict[str, str]):
    """A host that would read as an option of the ssh program never gets that far."""
    with pytest.raises(TransportError):
        Target.parse(options)


@given(st.dictionaries(st.sampled_from(["host", "port", "user", "identity_file", "proxy_jump"]), TEXT))
def test_any_options_give_a_target_or_a_transport_error(options: dict[str, str]):
    """Nothing else ever comes out of an endpoint's options."""
    try:
        target = Target.parse(options)
    except TransportError:
        return
    assert target.host
    assert 0 < target.port < 65536


@pytest.mark.parametrize("here", [True, False])
def test_a_terminal_is_asked_for_where_there_is_one(monkeypatch, here):
    """Without a terminal here none is asked for, in so many words: ssh complains of what it finds out by itself."""
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: here))
    transport = SshTransport(Endpoint("ssh", {"host": "h", "known_hosts": "/kh"}))
    for command in (None, "ls"):
        asked = [each for each in transport.interactive(command) if each in ("-t", "-T")]
        assert asked == ["-t" if here else "-T"]


def test_who_is_not_on_this_machine_gets_no_way_into_it():
    """Their program has no escapes and forwards nothing, whatever the settings say, and asks for no password."""
    transport = SshTransport(Endpoint("ssh", {"host": "h", "known_hosts": "/kh"}))
    argv = transport.hosted("ls", terminal=True, term="vt100")
    assert argv[-4:] == ["-t", "--", "h", "ls"]
    assert argv[argv.index("-e") + 1] == "none"
    assert {"-a", "-x", "BatchMode=yes", "ClearAllForwardings=yes", "PermitLocalCommand=no"} <= set(argv)
    assert "-T" in transport.hosted(terminal=False)


def test_the_ssh_program_gets_the_pinned_key_and_nothing_of_the_users():
    """The terminal is as strict as core's own connection."""
    key = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    endpoint = Endpoint("ssh", {"host": "h", "port": "2222", "user": "u", "identity_file": "/k", "host_key": key})
    transport = SshTransport(endpoint)
    argv = transport.interactive("echo hi")
    assert argv[0] == "ssh"
    assert argv[-3:] == ["--", "u@h", "echo hi"]
    assert {"StrictHostKeyChecking=yes", "IdentitiesOnly=yes", "GlobalKnownHostsFile=/dev/null"} <= set(argv)
    trusted = next(word for word in argv if word.startswith("UserKnownHostsFile="))
    assert Path(trusted.split("=", 1)[1].strip('"')).read_text().startswith("* ssh-ed25519 ")


def test_the_ssh_program_gets_the_keys_that_our_own_connection_uses():
    """Without an identity_file those are the keys in $HOME, wherever the program itself would look."""
    folder = Path.home() / ".ssh"
    folder.mkdir()
    (folder / "id_rsa").touch()
    (folder / "id_ed25519").touch()
    (folder / "id_ed25519.pub").touch()
    argv = Target.parse({"host": "h", "known_hosts": "/kh"}).openssh()
    given = [argv[at + 1] for at, word in enumerate(argv) if word == "-i"]
    assert given == [f"{folder}/id_ed25519", f"{folder}/id_rsa"]
    assert "IdentitiesOnly=yes" not in argv  # the agent's keys are used, too
    argv = Target.parse({"host": "h", "known_hosts": "/kh", "identity_file": "~/mine"}).openssh()
    assert [argv[at + 1] for at, word in enumerate(argv) if word == "-i"] == [f"{Path.home()}/mine"]


def test_the_default_keys_are_those_of_the_library():
    """The list is asyncssh's; the keys on hardware tokens, which need a program of their own, are left to ssh."""
    from asyncssh import public_key

    assert tuple(name for name, _ in public_key._DEFAULT_KEY_FILES if not name.endswith("_sk")) == DEFAULT_KEYS


def test_a_jump_host_is_handed_on():
    """The ssh program takes the same way."""
    argv = Target.parse({"host": "h", "known_hosts": "/kh", "proxy_jump": "me@gate:22"}).openssh()
    assert argv[argv.index("-J") + 1] == "me@gate:22"


async def test_a_host_without_a_key_on_record_is_never_trusted():
    """Neither host_key nor known_hosts: refused before a packet is sent."""
    with pytest.raises(TransportError, match="no host key is on record"):
        await connect(Target("h"))


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (asyncssh.PermissionDenied("no key"), TransportError, "refuses to let us in"),
        (asyncssh.HostKeyNotVerifiable("?"), HostKeyChanged, "not the one on record"),
        (TimeoutError(), TransportError, "does not answer"),
        (ConnectionRefusedError(111, "Connection refused"), TransportError, "Connection refused"),
        (asyncssh.KeyImportError("bad"), TransportError, "cannot be read"),
        (OSError(), TransportError, "OSError"),
    ],
)
def test_every_failure_says_what_happened(error: Exception, kind: type[TransportError], words: str):
    """Each way of failing has its own sentence, and names the node."""
    told = translate(error, Target("h", known_hosts="/kh"))
    assert type(told) is kind
    assert words in told.message
    assert told.node == "h"


def test_a_transport_of_an_unknown_kind_is_refused():
    """The plugin that made the node has to open it."""
    with pytest.raises(TransportError, match="no transport of the kind 'pod'") as caught:
        open_transport(Endpoint("pod"))
    assert "plugin" in (caught.value.hint or "")
