"""What ``styx api deploy`` decides before it asks anybody."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from styx.api import BadInput, Endpoint
from styx.client import deploy
from styx.client.deploy import Wanted
from styx.spec import Task
from styx.store.records import NodeRecord


@pytest.mark.parametrize(
    ("node", "address"),
    [
        (NodeRecord("c", 0, "n", "running", Endpoint("process", {"home": "/x"}), "10.0.0.5"), "127.0.0.1"),
        (NodeRecord("c", 0, "n", "running", Endpoint("ssh", {"host": "box"}), "10.0.0.5", "3.4.5.6"), "3.4.5.6"),
        (NodeRecord("c", 0, "n", "running", Endpoint("ssh", {"host": "box"}), "10.0.0.5"), "box"),
        (NodeRecord("c", 0, "n", "running", None, "10.0.0.5"), "10.0.0.5"),
    ],
)
def test_where_the_server_is(node: NodeRecord, address: str) -> None:
    """At its public address, or else where SSH finds it; a node of this machine is here."""
    assert deploy._address(node) == address


def test_nobody_knows_where_it_is() -> None:
    """Then one has to say it."""
    with pytest.raises(BadInput) as refused:
        deploy._address(NodeRecord("c", 0, "n", "running"))
    assert "--address" in (refused.value.hint or "")


def test_what_is_taken_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The versions that are here; wheels that one names, and no secret in what is put on record."""
    monkeypatch.setattr(deploy, "_build", lambda _, folder: (folder / "built.whl").touch())
    folder, wheels = tmp_path / "folder", tmp_path / "wheels"
    folder.mkdir()
    wheels.mkdir()
    (wheels / "other.whl").touch()
    machine = Task(secrets={"STYX_DATABASE_URL": "postgresql://u:secret@h/d"})
    made = deploy.task_for(machine, Wanted("ann", 8443, ("click",), wheels, no_index=True), folder)
    assert sorted(path.name for path in folder.iterdir()) == ["built.whl", "other.whl"]
    envs = made.spec.envs
    assert envs["STYX_DEPLOY_PACKAGES"].split()[1] == f"click=={version('click')}"
    assert (envs["STYX_DEPLOY_PORT"], envs["STYX_DEPLOY_OPTIONS"]) == ("8443", "--no-index")
    assert "secret@" not in str(made.to_dict())
    assert made.spec.secrets


def test_records_that_are_elsewhere_are_not_left_behind(tmp_path: Path) -> None:
    """An upgrade that is not told the database of the server before it touches nothing, and says what to do."""
    (tmp_path / ".styx-server").mkdir()
    (tmp_path / ".styx-server" / "records-elsewhere").touch()
    done = subprocess.run(
        ["sh", Path(deploy.__file__).with_name("deploy.sh")],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "STYX_DEPLOY_NAME": "second"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "say where by the secret STYX_DATABASE_URL" in done.stderr
    assert [path.name for path in (tmp_path / ".styx-server").iterdir()] == ["records-elsewhere"]
