"""The rules for serving engines, first version. A subclass and the fixture ``engine`` are all an author writes.

Fixtures to override where the defaults do not suit: ``request_served`` (a model that the engine can serve),
``request_refused`` (one that it cannot, if there is any).
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar, NoReturn

import pytest

from styx.api import Engine, InvalidRequest, ModelRequest, ServePlan, Unsupported
from styx.testing.provider import MakingRules
from styx.testing.verdict import expect, refuses
from styx.testing.watch import network_attempts


class EngineConformance(MakingRules):
    """Every rule for engines, one test each. Subclass it and define the fixture ``engine``."""

    contract_kind: ClassVar[str] = "engine"

    @pytest.fixture
    def engine(self) -> NoReturn:
        """The engine to test: an object made with :func:`styx.testing.services`."""
        pytest.fail(
            "define the fixture `engine`: it returns your Engine, made with styx.testing.services(tmp_path, ...)"
        )

    @pytest.fixture
    def provider(self, engine: Engine) -> Engine:
        """The engine."""
        return engine

    @pytest.fixture
    def request_served(self) -> ModelRequest:
        """What the engine can serve."""
        return ModelRequest("org/model")

    @pytest.fixture
    def request_refused(self) -> ModelRequest | None:
        """What the engine cannot serve; None when it serves everything."""
        return None

    @pytest.fixture
    def plan(self, engine: Engine, request_served: ModelRequest) -> ServePlan:
        """The plan for what can be served."""
        return engine.plan(request_served)

    def test_engines_are_pure(self, engine: Engine, request_served: ModelRequest) -> None:
        """Asking and planning need no network: an engine plans, core runs."""
        with network_attempts() as attempts:
            try:
                engine.supports(request_served)
                engine.plan(request_served)
            except OSError:
                if not attempts:
                    raise
        expect(
            not attempts,
            did=f"it reached for the network: {', '.join(attempts)}",
            contract="an engine is pure: it plans, core runs",
            change="put what needs the network into the setup script, which runs on the node",
        )

    def test_what_it_serves_it_supports(self, engine: Engine, request_served: ModelRequest) -> None:
        """supports() is None for what can be served."""
        answer = engine.supports(request_served)
        expect(
            answer is None,
            did=f"supports({request_served}) answered {answer!r}",
            contract="None when the engine can serve this, else one sentence that says why not",
            change="return None; or override the fixture `request_served`",
        )

    def test_a_refusal_is_a_sentence(self, engine: Engine, request_refused: ModelRequest | None) -> None:
        """supports() says why not in one sentence."""
        if request_refused is None:
            pytest.skip("the engine serves everything, or the fixture `request_refused` is not overridden")
        answer = engine.supports(request_refused)
        expect(
            isinstance(answer, str) and answer.strip() and "\n" not in answer,
            did=f"supports({request_refused}) answered {answer!r}",
            contract="one sentence that says why not",
            change="say what the engine lacks, and what would do",
        )

    def test_what_is_refused_is_not_planned(self, engine: Engine, request_refused: ModelRequest | None) -> None:
        """plan() raises Unsupported or InvalidRequest for what supports() refuses."""
        if request_refused is None:
            pytest.skip("the engine serves everything, or the fixture `request_refused` is not overridden")
        with refuses(
            "plan() of what supports() refuses",
            Unsupported,
            InvalidRequest,
            contract="plan() raises Unsupported, InvalidRequest",
            change="call supports() first, and raise Unsupported with its sentence",
        ):
            engine.plan(request_refused)

    def test_plans_are_stable(
        self, engine: Engine, fresh: Callable[[], Engine], request_served: ModelRequest, plan: ServePlan
    ) -> None:
        """The same request gives the same plan, from this object and from a fresh one."""
        again = [engine.plan(request_served), fresh().plan(request_served)]
        expect(
            again == [plan, plan],
            did=f"the same request was planned as {plan} and {again}",
            contract="the same request gives the same plan",
            change="no times, random values or unordered sets in it",
        )

    def test_scripts_are_bash(self, plan: ServePlan) -> None:
        """Both scripts are text that bash can read, and there is something to run."""
        bash = shutil.which("bash")
        if bash is None:
            pytest.skip("needs bash")
        problems = []
        for what, script in (("setup", plan.setup), ("run", plan.run)):
            if not isinstance(script, str):
                problems.append(f"{what} is {script!r}")
            else:
                done = subprocess.run([bash, "-n"], input=script, text=True, capture_output=True, check=False)
                problems += [f"{what}: {done.stderr.strip()}"] if done.returncode else []
        expect(
            not problems and plan.run.strip(),
            did=f"the scripts of the plan are wrong: {problems or 'there is nothing to run'}",
            contract="setup and run are scripts for the nodes",
            change="quote what comes from the request with shlex.quote",
        )

    def test_models_are_quoted(self, engine: Engine, request_served: ModelRequest) -> None:
        """A model's name with shell characters in it does not become a command."""
        evil = replace(request_served, model="x'; touch planted; echo '$(touch planted)`touch planted`")
        try:
            plan = engine.plan(evil)
        except (Unsupported, InvalidRequest):
            return
        words = _words(plan.setup) + _words(plan.run)
        bare = [word for word in words if word in {"touch", "planted;"}]
        expect(
            not bare,
            did=f"the model {evil.model!r} is part of the script as it is",
            contract="model is a hub id or a path on the node, never shell",
            change="quote it with shlex.quote, or raise InvalidRequest(field='model')",
        )

    def test_envs_are_text(self, plan: ServePlan) -> None:
        """What is set on the node is text by name."""
        bad = {k: v for k, v in plan.envs.items() if not (isinstance(k, str) and isinstance(v, str) and "=" not in k)}
        expect(
            not bad,
            did=f"the plan sets {bad}",
            contract="envs maps names to text",
            change="str() numbers yourself",
        )

    def test_readiness_is_a_path(self, plan: ServePlan) -> None:
        """Where core asks whether it is ready is a path on the server."""
        expect(
            isinstance(plan.readiness_path, str) and plan.readiness_path.startswith("/"),
            did=f"readiness_path is {plan.readiness_path!r}",
            contract="where to ask whether it is ready: a path, as in /health",
            change="begin it with a slash; leave host and port out",
        )

    def test_the_port_is_used(self, engine: Engine, request_served: ModelRequest) -> None:
        """The server listens where it was asked to: another port is another plan."""
        plans = [engine.plan(replace(request_served, port=port)) for port in (8000, 18123)]
        shown = "18123" in plans[1].run or "18123" in plans[1].envs.values()
        expect(
            shown and plans[0] != plans[1],
            did="the port 18123 is neither in the run script nor in the variables",
            contract="ModelRequest.port is where clients and the readiness check connect",
            change="pass request.port to the server",
        )


def _words(script: str) -> list[str]:
    """The script as a shell splits it into words: what is quoted is one word."""
    try:
        return shlex.split(script, comments=True)
    except ValueError:
        return script.split()
