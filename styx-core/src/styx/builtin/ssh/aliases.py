"""What the user's own SSH configuration makes of a host: ``hosts: [gpu1]`` means what ``ssh gpu1`` means.

The ``ssh`` program says so itself, for its files have includes and conditions. What config.yaml says wins.
"""

from __future__ import annotations

import subprocess
from functools import lru_cache
from pathlib import Path

from styx.builtin.ssh.config import HostConfig
from styx.transports.connect import Target

CONFIG = Path("~/.ssh/config")
SECONDS = 5.0


def target_of(host: HostConfig) -> Target:
    """The machine as the transports know it."""
    return _resolve(host, str(CONFIG.expanduser()))


@lru_cache(maxsize=1024)
def _resolve(host: HostConfig, config: str) -> Target:
    plain = Target(host.host, host.port, host.user, host.identity_file, "", "", host.proxy_jump)
    if not Path(config).is_file():
        return plain
    found = parse(_ask(host.host, config))
    said = host.model_fields_set
    keys = found.get("identityfile", [])
    return Target(
        host=found.get("hostname", [host.host])[0],
        port=host.port if "port" in said else int(found.get("port", [str(host.port)])[0]),
        user=host.user or found.get("user", [""])[0],
        # Several are the program's own defaults, which the transport has too.
        identity_file=host.identity_file or (keys[0] if len(keys) == 1 else ""),
        proxy_jump=host.proxy_jump or next((jump for jump in found.get("proxyjump", []) if jump != "none"), ""),
    )


def parse(text: str) -> dict[str, list[str]]:
    """What ``ssh -G`` prints: each option, in lower case, with its values."""
    options: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if value:
            options.setdefault(name.lower(), []).append(value)
    return options


def _ask(host: str, config: str) -> str:
    """Nothing where there is no ``ssh`` program or its files are wrong: the host is then what it is called."""
    try:
        done = subprocess.run(
            ["ssh", "-G", "-F", config, "--", host],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
