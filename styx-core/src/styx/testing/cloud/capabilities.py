"""Rules for the further capabilities a cloud may have; each is skipped for clouds without it."""

from __future__ import annotations

import contextlib
import re
import socket
from functools import partial

import pytest

from styx.api import (
    Cloud,
    NodeState,
    Offer,
    ProviderError,
    SelfStop,
    SupportsAdmit,
    SupportsConsoleLog,
    SupportsPolicy,
    SupportsPorts,
    SupportsSelfStop,
    SupportsShutdown,
    SupportsSpot,
    SupportsTransport,
    Transport,
)
from styx.testing.cloud.base import CloudRules
from styx.testing.cloud.lab import Lab
from styx.testing.cloud.stopping import run_on
from styx.testing.driver import Driver
from styx.testing.since import since
from styx.testing.verdict import GaveUp, expect, succeeds

SWALLOW = "swallow the provider's complaint that the rule exists"


def lacking(cloud: Cloud, capability: type) -> None:
    """Skip the test for a cloud without the capability."""
    if not isinstance(cloud, capability):
        pytest.skip(f"the cloud does not implement {capability.__name__}")


class CapabilityRules(CloudRules):
    """Self-stop, shutdown, spot, ports, admission, console, transport, policy."""

    def test_self_stop_is_declared_and_implemented(self, cloud: Cloud) -> None:
        """traits.self_stop names modes exactly where SupportsSelfStop is implemented."""
        implements, modes = isinstance(cloud, SupportsSelfStop), sorted(cloud.traits.self_stop)
        expect(
            implements == bool(modes),
            did=f"SupportsSelfStop is {'' if implements else 'not '}implemented and traits.self_stop is {modes}",
            contract="core decides by the traits whether autostop can be enforced without a server",
            change="declare the modes that self_stop_command can do, and implement it",
        )

    def test_self_stop_commands_are_shell_commands(self, cloud: Cloud, lab: Lab) -> None:
        """self_stop_command returns a shell command for every declared mode."""
        lacking(cloud, SupportsSelfStop)
        assert isinstance(cloud, SupportsSelfStop)
        node = lab.running().nodes[0]
        commands = {mode: cloud.self_stop_command(node, mode) for mode in cloud.traits.self_stop}
        expect(
            all(isinstance(command, str) and command.strip() for command in commands.values()),
            did=f"self_stop_command returned {commands!r}",
            contract="a shell command (str) that stops or removes the node",
            change="return one line for /bin/sh",
        )

    @pytest.mark.parametrize("mode", list(SelfStop))
    def test_self_stop_works(self, cloud: Cloud, lab: Lab, mode: SelfStop) -> None:
        """The command, run on the node, stops or removes it. Seen on process endpoints only."""
        lacking(cloud, SupportsSelfStop)
        assert isinstance(cloud, SupportsSelfStop)
        if mode not in cloud.traits.self_stop:
            pytest.skip(f"the cloud does not declare self-stop by {mode}")
        launched = lab.running()
        command = cloud.self_stop_command(launched.nodes[0], mode)
        if not isinstance(command, str):
            pytest.skip("test_self_stop_commands_are_shell_commands shows what is wrong")
        if isinstance(cloud, SupportsShutdown):
            switch: SupportsShutdown = cloud
            lab.driver.call(lambda: switch.set_shutdown(launched.scope, launched.owner, mode), what="set_shutdown()")
        lab.settle()  # so that nothing is missing but what is gone
        run_on(launched.nodes[0], command)
        wanted = [NodeState.STOPPED] if mode is SelfStop.STOP else []
        try:
            lab.driver.until(
                lambda: [node.state for node in lab.nodes(launched.owner)],
                lambda states: states == wanted,
                within=lab.deadline,
                what=f"the node's {mode} by itself",
            )
            problem = ""
        except GaveUp as error:
            problem = str(error)
        expect(
            not problem,
            did=f"{command!r} was run on the node: {problem}",
            contract="the command makes the node stop (then it is seen STOPPED) or remove itself (then it is gone)",
            change="check the command on a node, and that observe() tells the two ends apart",
        )

    @since(1, 1)
    def test_setting_the_shutdown_again_succeeds(self, cloud: Cloud, lab: Lab) -> None:
        """set_shutdown() is idempotent, and can be turned back."""
        lacking(cloud, SupportsShutdown)
        assert isinstance(cloud, SupportsShutdown)
        switch, launched = cloud, lab.running()
        modes = sorted(cloud.traits.self_stop)
        with succeeds(
            "setting what a shutdown does to each of traits.self_stop, twice",
            contract="set_shutdown() is idempotent",
            change="let what is so already be a success",
        ):
            for mode in [each for each in [*modes, *reversed(modes)] for _ in range(2)]:
                call = partial(switch.set_shutdown, launched.scope, launched.owner, mode)
                lab.driver.call(call, what="set_shutdown()")

    def test_spot_machines_have_prices(self, cloud: Cloud, offers: list[Offer]) -> None:
        """A cloud with SupportsSpot prices at least one offer so."""
        lacking(cloud, SupportsSpot)
        expect(
            any(offer.spot_hourly_price is not None for offer in offers),
            did=f"SupportsSpot is implemented and none of {len(offers)} offers has a spot price",
            contract="spot_hourly_price is the price per hour bought at spot prices",
            change="fill spot_hourly_price in, or do not implement SupportsSpot",
        )

    def test_preemption_notice_is_a_command_or_none(self, cloud: Cloud, lab: Lab) -> None:
        """preemption_notice_command returns a shell command, or None where there are no notices."""
        lacking(cloud, SupportsSpot)
        assert isinstance(cloud, SupportsSpot)
        command = cloud.preemption_notice_command(lab.offer)
        expect(
            command is None or (isinstance(command, str) and command.strip()),
            did=f"preemption_notice_command returned {command!r}",
            contract="a shell command that succeeds once a notice has been given; None where there are no notices",
            change="return one line for /bin/sh, or None",
        )

    def test_opening_ports_again_succeeds(self, cloud: Cloud, lab: Lab) -> None:
        """open_ports() is idempotent."""
        lacking(cloud, SupportsPorts)
        assert isinstance(cloud, SupportsPorts)
        ports, launched = cloud, lab.running()
        with succeeds(
            "opening port 8080 twice",
            contract="open_ports() is idempotent",
            change=SWALLOW,
        ):
            for _ in range(2):
                lab.driver.call(lambda: ports.open_ports(launched.scope, launched.owner, (8080,)), what="open_ports()")

    def test_port_addresses_are_host_and_port(self, cloud: Cloud, lab: Lab) -> None:
        """port_address() returns host:port."""
        lacking(cloud, SupportsPorts)
        assert isinstance(cloud, SupportsPorts)
        ports, launched = cloud, lab.running()
        lab.driver.call(lambda: ports.open_ports(launched.scope, launched.owner, (8080,)), what="open_ports()")
        address = lab.driver.call(lambda: ports.port_address(launched.nodes[0], 8080), what="port_address()")
        expect(
            isinstance(address, str) and re.fullmatch(r"\S+:\d{1,5}", address),
            did=f"port_address(node, 8080) returned {address!r}",
            contract="host:port under which the port is reached from outside",
            change='return f"{host}:{port}"',
        )

    def test_admitting_again_succeeds(self, cloud: Cloud, lab: Lab) -> None:
        """admit() is idempotent."""
        lacking(cloud, SupportsAdmit)
        assert isinstance(cloud, SupportsAdmit)
        gate, launched = cloud, lab.running()
        with succeeds(
            "admitting 192.0.2.1/32 twice",
            contract="admit() is idempotent",
            change=SWALLOW,
        ):
            for _ in range(2):
                lab.driver.call(lambda: gate.admit(launched.scope, launched.owner, "192.0.2.1/32"), what="admit()")

    @since(1, 1)
    def test_admitting_wherever_we_are_succeeds(self, cloud: Cloud, lab: Lab) -> None:
        """admit() finds out itself where we are."""
        lacking(cloud, SupportsAdmit)
        assert isinstance(cloud, SupportsAdmit)
        gate, launched = cloud, lab.running()
        with succeeds(
            "admitting wherever this client is seen from",
            contract="an empty cidr of admit() is where the client is, which the provider finds out",
            change="ask the provider, or what tells addresses, from where this call comes",
        ):
            lab.driver.call(lambda: gate.admit(launched.scope, launched.owner, ""), what="admit()")

    @since(1, 1)
    def test_policy_is_a_text_that_stays(self, cloud: Cloud) -> None:
        """policy() returns the same text every time."""
        lacking(cloud, SupportsPolicy)
        assert isinstance(cloud, SupportsPolicy)
        one, other = cloud.policy(), cloud.policy()
        expect(
            isinstance(one, str) and one.strip() and one == other,
            did=f"policy() returned {one!r}, and then {other!r}",
            contract="the policy that the credentials need, as text; people compare and review it",
            change="build it from a constant list, sorted",
        )

    @since(1, 1)
    def test_policy_makes_no_call(self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
        """policy() is told before anybody has credentials."""
        lacking(cloud, SupportsPolicy)
        assert isinstance(cloud, SupportsPolicy)
        called: list[object] = []

        def connect(self: socket.socket, address: object) -> int:
            del self
            called.append(address)
            raise ConnectionRefusedError("policy() may not connect")

        with monkeypatch.context() as patch, contextlib.suppress(ConnectionRefusedError, ProviderError):
            patch.setattr(socket.socket, "connect", connect)
            patch.setattr(socket.socket, "connect_ex", connect)
            cloud.policy()
        expect(
            not called,
            did=f"policy() connected to {', '.join(map(str, called))}",
            contract="policy() makes no call: whoever sets the credentials up has none yet",
            change="write the policy from what the plugin knows of itself",
        )

    def test_console_log_is_text(self, cloud: Cloud, lab: Lab) -> None:
        """console_log() returns text, empty when there is none yet."""
        lacking(cloud, SupportsConsoleLog)
        assert isinstance(cloud, SupportsConsoleLog)
        console, launched = cloud, lab.running()
        text = lab.driver.call(lambda: console.console_log(launched.scope, launched.nodes[0]), what="console_log()")
        expect(
            isinstance(text, str),
            did=f"console_log() returned {text!r}",
            contract="what the console has shown so far, as text; empty when nothing yet",
            change='decode it with errors="replace", and return "" for nothing',
        )

    def test_own_transport_is_a_transport(self, cloud: Cloud, lab: Lab, driver: Driver) -> None:
        """transport() returns a Transport that is not connected yet."""
        lacking(cloud, SupportsTransport)
        assert isinstance(cloud, SupportsTransport)
        tunnel, launched = cloud, lab.running()
        made = driver.call(lambda: tunnel.transport(launched.nodes[0]), what="transport()")
        expect(
            isinstance(made, Transport),
            did=f"transport() returned {made!r}",
            contract="a Transport to this node, not yet connected",
            change="return a subclass of styx.api.Transport",
        )
