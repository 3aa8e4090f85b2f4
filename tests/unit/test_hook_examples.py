"""The examples in docs/examples/hooks do what the reference says hooks do."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pluggy
import pytest

from styx import hookspecs
from styx.api import BadInput, InvalidConfig
from styx.hookspecs import Event, Leaning, Loss, Site

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples" / "hooks"


def example(name: str) -> tuple[ModuleType, pluggy.PluginManager]:
    """The module of an example, and a plugin manager that has it registered and checked against the specs."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    pm = pluggy.PluginManager("styx")
    pm.add_hookspecs(hookspecs)
    pm.register(module)
    pm.check_pending()
    return module, pm


def test_the_policy_refuses_gpus_without_an_owner() -> None:
    """A GPU task without OWNER is refused with what to add."""
    _, pm = example("styx_policy")
    with pytest.raises(BadInput, match="need an owner"):
        pm.hook.styx_policy(task={"resources": {"accelerators": "A100:1"}}, operation="launch", user="ann")


def test_the_policy_labels_what_it_lets_pass() -> None:
    """With an owner the task comes back labelled; one without GPUs is left alone."""
    _, pm = example("styx_policy")
    task = {"resources": {"accelerators": "A100:1"}, "envs": {"OWNER": "vision"}}
    (changed,) = pm.hook.styx_policy(task=task, operation="launch", user="ann")
    assert changed["resources"]["labels"] == {"owner": "vision", "user": "ann"}
    assert pm.hook.styx_policy(task={"run": "true"}, operation="launch", user="ann") == []


def test_the_event_log_gets_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each event is one line in the file."""
    monkeypatch.setenv("STYX_EVENT_LOG", str(tmp_path / "log"))
    _, pm = example("styx_event")
    pm.hook.styx_event(event=Event(datetime(2026, 1, 2, tzinfo=UTC), "cluster", "dev", "state", "setting_up", "up"))
    assert (tmp_path / "log").read_text() == "2026-01-02T00:00:00+00:00 dev setting_up -> up \n"


def test_the_doctor_reports_a_missing_disk(tmp_path: Path) -> None:
    """A disk that is not there is a warning with a fix, one that is there is fine."""
    module, pm = example("styx_doctor")
    module.SCRATCH = tmp_path / "nowhere"
    ((missing,),) = pm.hook.styx_doctor()
    module.SCRATCH = tmp_path
    ((there,),) = pm.hook.styx_doctor()
    assert (missing.level, there.level) == ("warning", "ok")
    assert missing.fix


def test_the_secret_is_read_for_its_own_scheme_only(tmp_path: Path) -> None:
    """A reference of another scheme, or one that leaves the directory, is not answered; another user has others."""
    module, pm = example("styx_secret")
    module.KEPT = tmp_path
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann" / "token").write_text("s3cret\n")
    assert pm.hook.styx_secret(reference="file:token", user="ann") == "s3cret"
    assert pm.hook.styx_secret(reference="vault:token", user="ann") is None
    assert pm.hook.styx_secret(reference="file:../token", user="ann") is None
    with pytest.raises(BadInput, match=r"there is no .*bob/token"):
        pm.hook.styx_secret(reference="file:token", user="bob")


def test_the_sealing_key_is_the_one_that_is_mounted(tmp_path: Path) -> None:
    """Where none is mounted it is left to others; what is no key is refused."""
    module, pm = example("styx_sealing_key")
    module.MOUNTED = tmp_path / "key"
    assert pm.hook.styx_sealing_key() is None
    module.MOUNTED.write_text(f"{'ab' * 32}\n")
    assert pm.hook.styx_sealing_key() == b"\xab" * 32
    module.MOUNTED.write_text("hello")
    with pytest.raises(InvalidConfig, match="is not hexadecimal"):
        pm.hook.styx_sealing_key()


def test_the_strategy_goes_where_the_data_is() -> None:
    """It prefers the regions near the data, but for the one that was just lost, and leaves other strategies alone."""
    module, pm = example("styx_recovery")
    lost = Loss(7, "train", 1, Site("aws", "eu-central-1", "eu-central-1a"), "g5.xlarge", spot=True, preempted=True)
    found = pm.hook.styx_recovery(strategy="near_the_data", loss=lost)
    assert found == Leaning(prefer=(module.NEAR[1],), avoid=(lost.site,))
    assert pm.hook.styx_recovery(strategy="failover", loss=lost) is None
