"""``styx api deploy`` to a node that cannot have the server."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from styx.api import BackendError
from styx.client import deploy
from styx.client.deploy import Wanted
from styx.client.embedded import EmbeddedClient
from styx.client.protocol import LaunchOptions, silent
from styx.spec import Task


def test_a_port_that_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the port, that somebody else has it, and what to do; nothing is installed."""
    monkeypatch.setattr(deploy, "_build", lambda _, folder: (folder / "built.whl").touch())
    client = EmbeddedClient()
    try:
        with socket.create_server(("0.0.0.0", 0)) as taken:
            wanted = Wanted("ann", port=taken.getsockname()[1])
            task = deploy.task_for(Task().override({"infra": "local", "cpus": "0.1+"}), wanted, tmp_path)
            with pytest.raises(BackendError) as refused:
                deploy.deploy(client, task, LaunchOptions("there"), wanted, silent)
        if "needs Python" in refused.value.message:
            pytest.skip(refused.value.message)
        assert refused.value.message == (
            f"the server was not started on there: port {wanted.port} of the machine cannot be had: "
            "something else listens there. Choose another by --port, or make it free"
        )
        (node,) = client.nodes("there")
        assert node.endpoint is not None
        assert not Path(node.endpoint.options["home"], ".styx-server", "venvs").exists()
    finally:
        client.down("there")
        client.close()
