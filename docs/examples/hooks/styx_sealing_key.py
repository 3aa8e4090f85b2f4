"""Take the key under which secrets are encrypted from a file that an orchestrator mounts."""

from pathlib import Path

from styx.api import InvalidConfig
from styx.hookspecs import hookimpl

MOUNTED = Path("/run/secrets/styx-key")  # 64 hexadecimal digits: `openssl rand -hex 32`


@hookimpl
def styx_sealing_key() -> bytes | None:
    try:
        return bytes.fromhex(MOUNTED.read_text(encoding="ascii"))
    except FileNotFoundError:
        return None
    except ValueError:
        raise InvalidConfig(f"{MOUNTED} is not hexadecimal", hint="Make one with `openssl rand -hex 32`.") from None
