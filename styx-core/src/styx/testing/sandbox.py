"""The rules for sandboxes, first version. A subclass and the fixture ``sandbox`` are all an author writes.

Fixtures to override where the defaults do not suit: ``image`` (what to make sandboxes from; it needs a POSIX shell),
``fresh`` and ``neighbour`` (how further objects of the same account are made), ``clock`` (the provider's own).
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import ClassVar, NoReturn

import pytest

from styx.api import (
    Clock,
    Conflict,
    NotFound,
    ProviderError,
    Sandbox,
    SandboxInfo,
    SandboxSpec,
    SandboxState,
)
from styx.testing.driver import Driver
from styx.testing.provider import MakingRules
from styx.testing.verdict import expect, refuses

BINARY = bytes(range(256)) * 64


class SandboxConformance(MakingRules):
    """Every rule for sandboxes, one test each. Subclass it and define the fixture ``sandbox``."""

    contract_kind: ClassVar[str] = "sandbox"

    @pytest.fixture
    def sandbox(self) -> NoReturn:
        """The provider to test: an object made with :func:`styx.testing.services`."""
        pytest.fail(
            "define the fixture `sandbox`: it returns your Sandbox, made with styx.testing.services(tmp_path, ...)"
        )

    @pytest.fixture
    def provider(self, sandbox: Sandbox) -> Sandbox:
        """The provider of sandboxes."""
        return sandbox

    @pytest.fixture
    def driver(self, clock: Clock) -> Driver:
        """What calls the provider."""
        return Driver(clock, patience=120.0, call_timeout=120.0)

    @pytest.fixture
    def image(self) -> str:
        """What sandboxes are made from."""
        return "debian:12-slim"

    @pytest.fixture
    def make(self, sandbox: Sandbox, driver: Driver, image: str) -> Iterator[Callable[..., SandboxInfo]]:
        """Makes sandboxes, which are removed in the end: ``make(name=..., by=another object, ...fields)``."""
        made: list[tuple[Sandbox, str]] = []

        def make(name: str = "", by: Sandbox | None = None, **fields: object) -> SandboxInfo:
            asked = by or sandbox
            spec = SandboxSpec(name or f"conformance-{secrets.token_hex(4)}", image, **fields)  # type: ignore[arg-type]
            made.append((asked, spec.name))
            return driver.call(lambda: asked.create(spec), what="create()")

        yield make
        for asked, name in made:
            driver.call(lambda asked=asked, name=name: asked.terminate(name), what="terminate()")  # type: ignore[misc]

    @pytest.fixture
    def box(self, make: Callable[..., SandboxInfo]) -> str:
        """The name of a sandbox."""
        return make().name

    def test_check_succeeds_and_again(self, sandbox: Sandbox, driver: Driver) -> None:
        """check() passes where sandboxes can be made, as often as it is asked."""
        for _ in range(2):
            driver.call(sandbox.check, what="check()")

    def test_a_new_sandbox_is_listed(self, sandbox: Sandbox, make: Callable[..., SandboxInfo], driver: Driver) -> None:
        """create() tells the sandbox's name and state, and list() has it, with when it was made."""
        made = make()
        listed = [info for info in driver.call(lambda: list(sandbox.list()), what="list()") if info.name == made.name]
        good = len(listed) == 1 and isinstance(listed[0].state, SandboxState)
        expect(
            good and listed[0].created_at.utcoffset() == timedelta(0),
            did=f"create() told {made}, list() has {listed}",
            contract="list() is all sandboxes of this installation; created_at is timezone-aware UTC",
            change="find sandboxes by a label with the installation's id",
        )

    def test_the_same_again_is_the_same(
        self, sandbox: Sandbox, make: Callable[..., SandboxInfo], driver: Driver
    ) -> None:
        """Creating with the same name and spec returns the sandbox that is there, with all it holds."""
        first = make()
        driver.call(lambda: sandbox.write(first.name, "kept.txt", b"kept"), what="write()")
        again = make(first.name)
        kept = driver.call(lambda: sandbox.read(first.name, "kept.txt"), what="read()")
        expect(
            again.name == first.name and kept == b"kept",
            did=f"created again, {first.name} is {again.name} and reads {kept!r}",
            contract="the same name and spec again returns the same one",
            change="look the name up first; store the spec with the sandbox (a label) and compare",
        )

    def test_another_spec_is_a_conflict(self, make: Callable[..., SandboxInfo]) -> None:
        """Creating with a name that is there and another spec is Conflict."""
        first = make()
        with refuses(
            f"create() of {first.name} with 1 and then with 2 CPUs",
            Conflict,
            contract="another spec is Conflict",
            change="store the spec with the sandbox (a label) and compare",
        ):
            make(first.name, cpus=2.0)

    def test_others_are_not_listed(
        self, sandbox: Sandbox, neighbour: Sandbox, make: Callable[..., SandboxInfo]
    ) -> None:
        """What another installation of the same account made is not listed."""
        theirs = make(by=neighbour)
        listed = [info.name for info in sandbox.list()]
        expect(
            theirs.name not in listed,
            did=f"list() has {theirs.name}, which another installation made",
            contract="all sandboxes of this installation",
            change="filter by services.installation",
        )

    def test_a_fresh_object_finds_it(self, box: str, fresh: Callable[[], Sandbox], driver: Driver) -> None:
        """A provider remembers nothing: what one object made, the next one finds and uses."""
        other = fresh()
        listed = [info.name for info in driver.call(lambda: list(other.list()), what="list()")]
        status = driver.call(lambda: other.exec(box, ["true"]).status, what="exec()") if box in listed else None
        expect(
            box in listed and status == 0,
            did=f"a fresh object lists {listed} and runs `true` in {box} with status {status}",
            contract="a provider never remembers",
            change="answer from the provider, not from what this object did",
        )

    def test_commands_run_inside(self, sandbox: Sandbox, box: str, driver: Driver) -> None:
        """exec() gives the command its arguments and input as they are, and returns both outputs and the status."""
        script = 'cat; printf "%s|" "$@"; echo err >&2; exit 3'
        command = ["sh", "-c", script, "sh", "a b", "$HOME", "'"]
        result = driver.call(lambda: sandbox.exec(box, command, stdin=b"\x00in\n"), what="exec()")
        got = (result.status, result.stdout, result.stderr)
        expect(
            got == (3, b"\x00in\na b|$HOME|'|", b"err\n"),
            did=f"the command gave {got}",
            contract="a command that fails is a result: its status, standard output and standard error",
            change="pass the list of arguments on, without a shell in between",
        )

    def test_envs_are_set(self, sandbox: Sandbox, make: Callable[..., SandboxInfo], driver: Driver) -> None:
        """The spec's variables are there in every command."""
        made = make(envs={"GREETING": "hello $USER"})
        result = driver.call(lambda: sandbox.exec(made.name, ["sh", "-c", 'echo "$GREETING"']), what="exec()")
        expect(
            result.text == "hello $USER",
            did=f"GREETING is {result.text!r}",
            contract="SandboxSpec.envs",
            change="set them when the sandbox is made",
        )

    def test_files_come_back(self, sandbox: Sandbox, box: str, driver: Driver) -> None:
        """What was written is read, byte for byte; directories are made on the way; commands see it."""
        driver.call(lambda: sandbox.write(box, "new/dir/file.bin", BINARY), what="write()")
        back = driver.call(lambda: sandbox.read(box, "new/dir/file.bin"), what="read()")
        expect(
            back == BINARY,
            did=f"{len(BINARY)} bytes were written and {len(back)} read",
            contract="write() makes parent directories, read() returns the contents",
            change="no text mode on the way",
        )

    def test_modes_are_set(self, sandbox: Sandbox, box: str, driver: Driver) -> None:
        """A file written with an executable mode can be executed."""
        driver.call(lambda: sandbox.write(box, "tool", b"#!/bin/sh\necho works\n", mode=0o755), what="write()")
        result = driver.call(lambda: sandbox.exec(box, ["./tool"]), what="exec()")
        expect(
            result.text == "works",
            did=f"an executable file gave {result}",
            contract="write(mode=...) sets the file's mode; relative paths and commands begin in the same directory",
            change="set the mode before the file gets its name",
        )

    def test_missing_files_are_not_found(self, sandbox: Sandbox, box: str, driver: Driver) -> None:
        """Reading what is not there is NotFound."""
        with refuses(
            "read() of what is not there", NotFound, contract="read() raises NotFound", change="map the error"
        ):
            driver.call(lambda: sandbox.read(box, "missing.txt"), what="read()")

    def test_missing_sandboxes_are_not_found(self, sandbox: Sandbox, driver: Driver) -> None:
        """exec, read and write of a sandbox that is not there are NotFound."""
        calls: dict[str, Callable[[], object]] = {
            "exec()": lambda: sandbox.exec("no-such-sandbox", ["true"]),
            "read()": lambda: sandbox.read("no-such-sandbox", "file"),
            "write()": lambda: sandbox.write("no-such-sandbox", "file", b""),
        }
        for what, call in calls.items():
            with refuses(
                f"{what} of a sandbox that is not there", NotFound, contract="NotFound", change="look the name up first"
            ):
                driver.call(call, what=what)

    def test_sandboxes_are_apart(self, sandbox: Sandbox, make: Callable[..., SandboxInfo], driver: Driver) -> None:
        """What one sandbox holds another does not see."""
        one, other = make(), make()
        driver.call(lambda: sandbox.write(one.name, "mine.txt", b"mine"), what="write()")
        with refuses("reading another sandbox's file", NotFound, contract="isolated places", change="one root each"):
            driver.call(lambda: sandbox.read(other.name, "mine.txt"), what="read()")

    def test_terminate_removes(self, sandbox: Sandbox, box: str, driver: Driver) -> None:
        """After terminate() the sandbox is not listed, and made anew it is empty."""
        driver.call(lambda: sandbox.write(box, "old.txt", b"old"), what="write()")
        driver.call(lambda: sandbox.terminate(box), what="terminate()")
        listed = [info.name for info in driver.call(lambda: list(sandbox.list()), what="list()")]
        expect(
            box not in listed,
            did=f"after terminate() {box} is listed",
            contract="remove the sandbox and all it holds",
            change="remove its volumes too",
        )

    def test_terminate_again_succeeds(self, sandbox: Sandbox, box: str, driver: Driver) -> None:
        """terminate() of what is gone, or never was, is success."""
        for name in (box, box, "no-such-sandbox"):
            driver.call(lambda name=name: sandbox.terminate(name), what="terminate()")  # type: ignore[misc]

    def test_others_are_not_terminated(
        self, sandbox: Sandbox, neighbour: Sandbox, make: Callable[..., SandboxInfo], driver: Driver
    ) -> None:
        """A namesake of another installation stays."""
        theirs = make(by=neighbour)
        with contextlib.suppress(ProviderError):  # refusing loudly is fine
            driver.call(lambda: sandbox.terminate(theirs.name), what="terminate()")
        left = [info.name for info in driver.call(lambda: list(neighbour.list()), what="list()")]
        expect(
            theirs.name in left,
            did=f"terminate() removed {theirs.name}, which another installation made",
            contract="names are unique within the installation",
            change="put the installation's id into the provider's name",
        )

    def test_threads_do_not_disturb_each_other(self, sandbox: Sandbox, box: str) -> None:
        """Methods are thread-safe: eight threads that run commands at once get their own answers."""
        with ThreadPoolExecutor(8) as pool:
            jobs = [pool.submit(sandbox.exec, box, ["sh", "-c", f"echo {n}"]) for n in range(16)]
            got = [job.result().text for job in jobs]
        expect(
            got == [str(n) for n in range(16)],
            did=f"16 commands that echo their number gave {got}",
            contract="methods are thread-safe",
            change="keep no per-call state on the object",
        )
