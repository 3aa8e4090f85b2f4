"""Having a node's package manager install something: ``styx/agent/packages.sh``, for nodes that have no agent yet."""

from __future__ import annotations

from pathlib import Path

from styx.agent import build

INSTALLING = 900.0  # seconds that a package manager gets, waiting for others included
OWNED = 77  # exit statuses of the script
NO_RIGHTS = 78
_SCRIPT = (Path(build.HERE) / "packages.sh").read_text(encoding="utf-8")


def installing(*, apt: str, dnf: str, yum: str, apk: str, zypper: str, pacman: str) -> str:
    """A POSIX script that installs, with whichever of these managers there is, the first of the packages it knows.

    Packages are names with spaces between. It goes on after its end where that worked; ``$as`` is what makes a command
    root's then. Otherwise it exits with OWNED, NO_RIGHTS (or no manager), or another status and the reason last.
    """
    ways = {
        "apt-get": f"{{ apt update; any apt {apt}; }}",
        "dnf": f"any 'dnf -q -y install' {dnf}",
        "yum": f"any 'yum -q -y install' {yum}",
        "apk": f"any 'apk add --no-progress' {apk}",
        "zypper": f"any 'zypper -q -n install' {zypper}",
        "pacman": f"any 'pacman -Sy --noconfirm' {pacman}",
    }
    chosen = "".join(f"elif command -v {name} >/dev/null; then {way} || exit 1\n" for name, way in ways.items())
    return f"home=$HOME\n{_SCRIPT}{chosen.removeprefix('el')}else exit {NO_RIGHTS}; fi\n"
