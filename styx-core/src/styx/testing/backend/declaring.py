"""Rules about the object itself, and about preparing nodes."""

from __future__ import annotations

import re
from collections.abc import Callable

from styx.api import Backend, JobState
from styx.testing.backend.base import FRESH, BackendRules
from styx.testing.backend.bench import Bench
from styx.testing.verdict import expect
from styx.testing.watch import network_attempts


class DeclarationRules(BackendRules):
    """Declaration, construction, prepare."""

    async def test_name_fits_into_commands_and_manifests(self, backend: Backend) -> None:
        """A backend's name is lower case, a letter first: users type it and manifests list it."""
        name = getattr(backend, "name", None)
        expect(
            isinstance(name, str) and re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name),
            did=f"its name is {name!r}",
            contract="`name` is lower-case letters, digits and hyphens, a letter first",
            change="set the class variable `name` to what the manifest calls the backend",
        )

    async def test_making_the_object_needs_no_network(self, backend: Backend, fresh: Callable[[], Backend]) -> None:
        """The constructor keeps its services and does nothing else."""
        del backend
        with network_attempts() as attempts:
            try:
                fresh()
            except OSError:
                if not attempts:
                    raise
        expect(
            not attempts,
            did=f"__init__ reached for the network: {', '.join(attempts)}",
            contract="__init__ keeps services and does nothing else",
            change="connect on first use",
        )

    async def test_the_object_can_be_made_again(self, backend: Backend, fresh: Callable[[], Backend]) -> None:
        """Two objects live side by side: each client has its own."""
        try:
            second = fresh()
        except Exception as error:  # noqa: BLE001 - whatever it is, the author should read it as a broken rule
            problem = f"a second {type(backend).__name__}(services) raised {type(error).__name__}: {error}"
        else:
            problem = "" if second is not backend else "a second construction returned the first object"
        expect(not problem, did=problem, contract="one object per client; __init__ takes services alone", change=FRESH)

    async def test_prepare_again_succeeds(self, bench: Bench) -> None:
        """prepare() on nodes that are prepared is success: every launch on a cluster begins with it."""
        await bench.prepare()
        try:
            await bench.prepare()
            problem = ""
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the broken rule
            problem = f"{type(error).__name__}: {error}"
        expect(
            not problem,
            did=f"a second prepare() raised {problem}",
            contract="prepare() is idempotent",
            change="look first whether the runtime of this version runs already",
        )

    async def test_prepare_does_not_disturb_jobs(self, bench: Bench) -> None:
        """A job that runs while the nodes are prepared again runs on, once, and keeps its number."""
        gate = bench.cluster.root / "gate"
        number = await bench.running(f'echo x >> "$HOME/runs"; until [ -e {gate} ]; do sleep 0.05; done')
        await bench.prepare()
        await bench.settle()
        gate.touch()
        info = await bench.wait(number)
        runs = (bench.cluster.home(0) / "runs").read_text().count("x")
        expect(
            info.state is JobState.SUCCEEDED and runs == 1,
            did=f"a job that ran during prepare() ended {info.state} ({info.reason or info.exit_code}), "
            f"after {runs} starts",
            contract="prepare() does not disturb running jobs",
            change="do not restart the runtime when it runs; or let jobs outlive it",
        )

    async def test_prepare_keeps_the_list_of_jobs(self, bench: Bench) -> None:
        """Jobs of before are still known after the nodes have been prepared again."""
        info = await bench.finish(bench.job("true"))
        await bench.prepare()
        seen = [job.id for job in await bench.jobs()]
        expect(
            seen == [info.id],
            did=f"job {info.id} ended before prepare(); afterwards the list is {seen}",
            contract="prepare() is idempotent: the second call changes nothing",
            change="keep the table of jobs where it is",
        )
