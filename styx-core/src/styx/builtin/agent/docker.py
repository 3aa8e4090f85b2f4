"""The Docker that runs containers on a node: found, or installed by the node's package manager, or said to be lacking.

As with Python, nothing is installed on a machine that somebody owns and lends.
"""

from __future__ import annotations

from styx.api import BackendError, Transport
from styx.builtin.agent.codec import clean
from styx.builtin.agent.packages import INSTALLING, NO_RIGHTS, OWNED, installing
from styx.builtin.agent.places import Places
from styx.transports.process import ProcessTransport

_HINT = (
    "Install it there: `apt-get install docker.io`, or as https://docs.docker.com/engine/install says, start it, and "
    "let this user use it: `sudo usermod -aG docker USER`."
)
_STOPPED = 69  # exit statuses of what follows
_LACKING = 70
_FORBIDDEN = 71
_FIND = f"""
for docker in docker 'sudo -n docker'; do ! $docker version >/dev/null 2>&1 || exit 0; done
command -v docker >/dev/null || exit {_LACKING}
! docker version 2>&1 | grep -q 'permission denied' || exit {_FORBIDDEN}
exit {_STOPPED}
"""
_WHY = {
    _LACKING: "has no Docker",
    _STOPPED: "has a Docker that does not run",
    _FORBIDDEN: "has a Docker that this user may not use",
}
_START = """
{ $as systemctl enable --now docker || $as service docker start || $as rc-service docker start; } >&2
looks=0
until $as docker version >/dev/null 2>&1; do
  [ $looks -lt 30 ] || exit 1
  looks=$((looks + 1))
  sleep 1
done
"""
_INSTALL = installing(
    apt="docker.io", dnf="docker moby-engine", yum="docker", apk="docker", zypper="docker", pacman="docker"
)


async def require_docker(transport: Transport, places: Places) -> None:
    """Have a Docker that can be used, installed and started if need be. Raises BackendError that says what to do."""
    status = (await transport.run(_FIND, timeout=60)).status
    if status == 0:
        return
    why = _WHY.get(status, "has no Docker that answers")
    if status in _WHY and status != _FORBIDDEN and not isinstance(transport, ProcessTransport):
        result = await transport.run(_INSTALL + _START, timeout=INSTALLING)
        if result.status == 0:
            return
        if result.status not in (OWNED, NO_RIGHTS):
            said = clean(result.stderr.decode(errors="replace").strip().rpartition("\n")[2])
            why += f", and none could be installed: {said}"
    raise BackendError(
        f"node {places.rank} {why}, which `image_id: docker:...` needs", hint=_HINT, node=str(places.rank)
    )
