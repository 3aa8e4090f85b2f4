"""The logs of jobs as files, whichever client reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from styx.client.protocol import Client


def download_logs(client: Client, name: str, job_ids: Sequence[int], target: Path) -> list[Path]:
    """See :meth:`styx.client.protocol.Client.download_logs`. A file that is there already is replaced."""
    written: list[Path] = []
    for job in [client.job(name, job_id) for job_id in job_ids] or client.queue(name):
        folder = target / name / f"job-{job.id}"
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / f"rank-{rank}.log" for rank in range(job.num_nodes)]
        for path in files:
            path.write_bytes(b"")
        for chunk in client.logs(name, job.id, follow=False):
            with (folder / f"rank-{chunk.rank}.log").open("ab") as file:
                file.write(chunk.data)
        written += files
    return written
