"""The testbed as a server: AWS' interfaces at an address of this machine, and hosts behind them."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from styx.testing.hosts import in_namespaces, unavailable
from styx_aws.testbed.bed import Bed, Time
from styx_aws.testbed.habits import ACCOUNTS, Habits
from styx_aws.testbed.things import things

_TICK = 0.05  # seconds between two looks at what is due


class Testbed:
    """``with Testbed() as aws:`` AWS, new and empty, of which there is one a process.

    ``hosts`` asks for a real host behind each instance; where there can be none, instances are answers alone, and
    :attr:`cannot` says so. ``bed`` is the world behind it: see :class:`~styx_aws.testbed.bed.Bed`.
    """

    __test__ = False  # no class of tests, though it is called so

    def __init__(self, *, hosts: bool = True, clock: Time | None = None) -> None:
        self.bed = Bed(clock)
        self._hosts = hosts
        self._server: Any = None
        self._over = threading.Event()

    @property
    def habits(self) -> Habits:
        """What can be switched."""
        return self.bed.habits

    @property
    def cannot(self) -> str:
        """In one sentence what it lacks here; empty where it lacks nothing."""
        if not self._hosts:
            return "no hosts were asked for: instances are answers of the interface alone."
        if why := unavailable():
            return f"there are no hosts behind instances, because this machine {why}."
        if not in_namespaces():
            return (
                "without root and iproute2 hosts are ports of this machine, and user data do not run, nor is there a "
                "metadata service or a security group that keeps anybody out."
            )
        return ""

    @property
    def url(self) -> str:
        """Where it is."""
        machines = self.bed.machines
        return f"http://{machines.server if machines is not None else '127.0.0.1'}:{self._server.server_port}"

    def environment(self, number: int = 1) -> Mapping[str, str]:
        """What a client has to find in its environment, with the keys of the first or another account."""
        key, machines = list(ACCOUNTS)[number - 1], self.bed.machines
        return {
            "AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "testbed",
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
            "STYX_AWS_CHECKIP": f"{self.url}/_testbed/address",
            "STYX_AWS_SSH_PORT": str(22 if machines is None else machines.port),
        }  # fmt: skip

    def __enter__(self) -> Self:
        """Start it; returns when it answers."""
        # A bucket of one account is not there for another.
        os.environ.setdefault("MOTO_S3_ALLOW_CROSSACCOUNT_ACCESS", "false")
        from moto.moto_server.werkzeug_app import MotoRequestHandler
        from werkzeug.serving import make_server

        from styx_aws.testbed.front import Front
        from styx_aws.testbed.machines import Machines

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        _forget()
        if self._hosts and unavailable() is None:
            self.bed.machines = Machines(self.bed)
        at = self.bed.machines.server if self.bed.machines is not None else "127.0.0.1"
        self._server = make_server(at, 0, Front(self.bed), threaded=True, request_handler=MotoRequestHandler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        threading.Thread(target=self._tick, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """End it, and every host."""
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        if self.bed.machines is not None:
            self.bed.machines.close()
        _forget()

    def interrupt(self, instance_id: str, seconds: float = 120.0) -> None:
        """EC2 wants a spot instance back: it is told now, and gone so much later."""
        with self.bed.lock:
            self.bed.life.interrupt(self.bed.instance(instance_id), seconds)

    def left(self) -> list[str]:
        """The ids of what bills."""
        with self.bed.lock:
            self.bed.life.tick()
            return sorted(each["id"] for each in things(self.bed) if each["bills"])

    def _tick(self) -> None:
        while not self._over.wait(_TICK):
            with self.bed.lock:
                self.bed.life.tick()


def _forget() -> None:
    """Have moto forget everything: its backends belong to the process."""
    from moto.ec2.models import ec2_backends
    from moto.iam.models import iam_backends
    from moto.s3.models import s3_backends
    from moto.ssm.models import ssm_backends
    from moto.sts.models import sts_backends

    for backends in (ec2_backends, iam_backends, s3_backends, ssm_backends, sts_backends):
        backends.reset()
