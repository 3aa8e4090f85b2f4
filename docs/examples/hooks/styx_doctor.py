"""Tell users of a site where its scratch disk is missing."""

from collections.abc import Sequence
from pathlib import Path

from styx.hookspecs import DoctorFinding, hookimpl

SCRATCH = Path("/scratch")


@hookimpl
def styx_doctor() -> Sequence[DoctorFinding]:
    if SCRATCH.is_dir():
        return [DoctorFinding("scratch", "ok", f"{SCRATCH} is mounted")]
    return [DoctorFinding("scratch", "warning", f"{SCRATCH} is not mounted", "Ask the site's operators to mount it.")]
