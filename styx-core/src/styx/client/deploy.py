"""A server on a machine that does not sleep: put on a node of any cloud, started, and made the one to work with.

It has all that is its own below ``~/.styx-server`` on the node: an environment for each deployment, and a home with its
records, its certificate and its log. A second deployment takes the place of the first, and finds its records. Jobs of
clusters go on meanwhile. The server's own token comes over the connection by which Styx reaches the node, and so does
the certificate's fingerprint: nothing between here and there needs to be trusted.
"""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from styx.api.backend import JobState
from styx.api.errors import BackendError, BadInput, InvalidConfig, StyxError
from styx.client.access import access
from styx.client.login import Login, checked_pin, logged_in

if TYPE_CHECKING:
    from styx.client.embedded import EmbeddedClient
    from styx.client.protocol import LaunchOptions, Progress
    from styx.spec import Task
    from styx.store.records import NodeRecord

NAME = "styx-server"  # of the task, and of the cluster unless it is called otherwise
BASE = "~/.styx-server"
EXTRAS = "server,postgres"
_PATIENCE = 60.0  # seconds for a command on the node


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is deployed, apart from where.

    ``wheels`` are taken along, and with ``no_index`` there is nothing else to install from. ``plugins`` are
    distributions. ``config`` is what the server has as config.yaml. ``user`` is an administrator there. ``address`` is
    how the node is reached from here, if not as the provider says.
    """

    user: str
    port: int = 8080
    plugins: Sequence[str] = ()
    wheels: Path | None = None
    no_index: bool = False
    config: Path | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """A server that answers, and how to log in to it."""

    cluster: str
    login: Login


def deploy(
    client: EmbeddedClient, task: Task, options: LaunchOptions, wanted: Wanted, progress: Progress
) -> Deployment:
    """Put a server on the cluster that the options name, which is made if need be. Idempotent.

    ``task`` says what machine; its secrets are the server's environment. ``client`` is to run the engine itself. Raises
    what launching raises, BackendError when the server does not come up, TransportError when it cannot be reached.
    """
    result = client.launch(task, options, progress)
    assert result.job_id is not None
    progress("api", "installing the server on the node")
    job = client.wait(result.cluster, result.job_id)
    if job.state is not JobState.SUCCEEDED:
        look = f"styx logs {result.cluster} {job.id}"
        said = b"".join(chunk.data for chunk in client.logs(result.cluster, job.id, follow=False, tail=1))
        why = said.decode(errors="replace").strip().removeprefix("styx: ") or f"its job {job.id} is {job.state}"
        raise BackendError(
            f"the server was not started on {result.cluster}: {why}",
            hint=f"`{f'styx api logout && {look}' if logged_in() else look}` shows all it wrote. The machine stays.",
        )
    node = next(each for each in client.nodes(result.cluster) if each.rank == 0)
    url = f"https://{wanted.address or _address(node)}:{wanted.port}"
    progress("api", f"logging in to {url}")
    command = f"STYX_HOME={BASE}/home {BASE}/current/bin/styx-server fingerprint"
    pin = checked_pin(_on_node(client, result.cluster, command))
    return Deployment(result.cluster, _login(client, result.cluster, wanted.user, url, pin))


def task_for(task: Task, wanted: Wanted, folder: Path) -> Task:
    """The task that deploys, on the machine that ``task`` asks for. ``folder`` is filled with what it takes along."""
    requirements = [
        _requirement(f"styx-core[{EXTRAS}]", folder),
        *(_requirement(each, folder) for each in wanted.plugins),
    ]
    for wheel in wanted.wheels.glob("*.whl") if wanted.wheels is not None else ():
        shutil.copy(wheel, folder)
    script = Path(__file__).with_name("deploy.sh").read_text(encoding="utf-8")
    made = task.named(NAME).mount(f"{BASE}/wheels", folder).run(script)
    if wanted.config is not None:
        made = made.mount(f"{BASE}/config.yaml", wanted.config)
    return made.envs(
        {
            "STYX_DEPLOY_NAME": secrets.token_hex(4),
            "STYX_DEPLOY_PACKAGES": " ".join(requirements),
            "STYX_DEPLOY_OPTIONS": "--no-index" if wanted.no_index else "",
            "STYX_DEPLOY_PORT": wanted.port,
        }
    )


def _requirement(wanted: str, folder: Path) -> str:
    """What to ask pip for to get what is installed here; a wheel of it in the folder where no index has that."""
    name = wanted.partition("[")[0]
    found = distribution(name)
    source = _source(found)
    if source is not None and source.is_dir():
        _build(source, folder)
    elif source is not None and source.is_file():
        shutil.copy(source, folder)
    return f"{wanted}=={found.version}"


def _source(found: Distribution) -> Path | None:
    """The directory or file that the distribution was installed from; None for one from an index."""
    said = json.loads(found.read_text("direct_url.json") or "{}")
    parts = urlsplit(str(said.get("url", "")))
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def _build(source: Path, folder: Path) -> None:
    argv = [sys.executable, "-m", "pip", "--quiet", "wheel", "--no-deps", "--wheel-dir", str(folder), str(source)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InvalidConfig(
            f"no wheel can be built of {source}: {done.stderr.strip().splitlines()[-1] if done.stderr else ''}",
            hint="Install Styx from wheels or from an index here, and it is installed so there.",
        )


def _login(client: EmbeddedClient, cluster: str, user: str, url: str, pin: str) -> Login:
    """What is good for that server: the login that there is, or one with a new token."""
    present = logged_in()
    if present is not None and (present.url, present.fingerprint) == (url, pin):
        try:
            with access(present) as server:
                server.me()
            return present
        except StyxError:  # the server is another by now: it gets a token of its own
            pass
    # The server is asked, and not its database: it alone is told where that is.
    own = _on_node(client, cluster, f"grep -o 'styx_[^\"]*' {BASE}/home/server.json")
    with access(Login(url, own, fingerprint=pin)) as server:
        if user not in {each["name"] for each in server.users()}:
            server.add_user(user, "admin")
        login = Login(url, str(server.create_token("deploy", user, (), None)["token"]), fingerprint=pin)
    with access(login) as server:
        server.me()
    return login


def _on_node(client: EmbeddedClient, cluster: str, command: str) -> str:
    """The last line that a command on the head node writes. It is in no log, and on no other machine's disk."""
    argv = client.program(cluster, 0, command)
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BackendError(f"nothing can be asked of the server on {cluster}: {type(error).__name__}") from None
    lines = done.stdout.split()
    if done.returncode or not lines:
        why = done.stderr.strip().splitlines()
        raise BackendError(
            f"the server on {cluster} gives nobody a way in{': ' + why[-1] if why else ''}",
            hint=f"`styx ssh {cluster}` opens a terminal there; {BASE}/home is the server's home.",
        )
    return lines[-1]


def _address(node: NodeRecord) -> str:
    """Where the node is, seen from here."""
    found = list(_addresses(node))
    if not found:
        raise BadInput("nobody knows the address of the node", hint="Give --address.")
    return found[0]


def _addresses(node: NodeRecord) -> Iterator[str]:
    if node.endpoint is not None and node.endpoint.kind == "process":
        yield "127.0.0.1"
    yield from filter(
        None, (node.public_ip, node.endpoint.options.get("host") if node.endpoint else "", node.private_ip)
    )
