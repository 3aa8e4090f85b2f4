"""A working directory that is cloned on the nodes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from styx import Task
from styx.api import BackendError, JobState
from styx.client.embedded import EmbeddedClient
from styx.client.protocol import LaunchOptions

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with one file on a branch."""
    root = tmp_path / "repository"
    root.mkdir()
    (root / "said").write_text("from the branch\n")
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    for words in (("init", "-q", "-b", "topic"), ("add", "."), (*who, "commit", "-q", "-m", "one")):
        subprocess.run(("git", *words), cwd=root, check=True)
    return root


def test_the_job_starts_in_the_clone(client: EmbeddedClient, repository: Path) -> None:
    """The branch that was asked for is checked out where the job begins."""
    task = Task(run="cat said", workdir={"url": str(repository), "ref": "topic"})
    result = client.launch(task, LaunchOptions(cluster="c"))
    assert result.job_id is not None
    assert client.wait("c", result.job_id).state is JobState.SUCCEEDED
    assert b"".join(chunk.data for chunk in client.logs("c", result.job_id)) == b"from the branch\n"


@pytest.mark.parametrize("url", ["fd::0", "ext::sh -c 'touch ran'"])
def test_urls_that_are_commands_are_not_followed(client: EmbeddedClient, url: str) -> None:
    """Transports that run what the URL says, or wait for a descriptor that is not there, are refused at once."""
    with pytest.raises(BackendError, match="not allowed"):
        client.launch(Task(run="true", workdir={"url": url}), LaunchOptions(cluster="c"))
