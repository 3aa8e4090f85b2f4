"""Having a node's package manager install something: shell text for rented machines, also in their first minutes.

Nothing is installed on a machine that somebody owns and lends (the ssh cloud marks those): there the error says what to
do. On a rented one nobody minds.
"""

from __future__ import annotations

INSTALLING = 900.0  # seconds that a package manager gets, waiting for others included
OWNED = 77  # exit statuses of what follows
NO_RIGHTS = 78

# A machine that was just booted updates itself, knows no mirror yet, or does not know the time: that passes. Locks of
# apt's own lists are not waited for by it, and by older ones none are.
_PATIENTLY = """
[ ! -d .styx/nodes ] || exit @OWNED@
if [ "$(id -u)" = 0 ]; then as=; elif sudo -n true 2>/dev/null; then as='sudo -n'; else exit @NO_RIGHTS@; fi
apt() {
  looks=0
  while ! said=$($as env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=60 -q -y \
      --no-install-recommends "$@" 2>&1); do
    case $said in
      *'dpkg was interrupted'*) $as env DEBIAN_FRONTEND=noninteractive dpkg --configure -a >&2 ;;
      *'Could not get lock'* | *'Unable to lock'* | *'frontend lock'* | *'is not valid yet'*) ;;
      *) looks=150 ;;
    esac
    looks=$((looks + 1))
    [ $looks -le 150 ] || { printf '%s\n' "$said" >&2; return 1; }
    sleep 2
  done
}
any() { # installs the first of these packages that there is
  manager=$1
  shift
  for package; do
    if [ "$manager" = apt ]; then apt install "$package" && return
    else $as $manager "$package" >&2 && return; fi
  done
  return 1
}
"""


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
    start = _PATIENTLY.replace("@OWNED@", str(OWNED)).replace("@NO_RIGHTS@", str(NO_RIGHTS))
    return f"{start}{chosen.removeprefix('el')}else exit {NO_RIGHTS}; fi\n"
