"""The boot watchdog: a new machine that no agent makes contact from shuts itself down, for nobody may come back for it.

A client can die between asking for a machine and starting the agent on it. So a machine that can end by shutting down
gets a script for its first boot. It arms a process that waits for a mark by the agent, see ``styx.agent.contact``, and
shuts the machine down when none has come in time::

    /run/styx-watchdog/            root's own
        boot, deadline, pid, watch what the watchdog has noted, and its program
        contact/                   sticky: anybody may add a mark, nobody may take another's away

Root reads no content and follows no link in ``contact``: that something is there is all it says. Any user of the
machine may say it; whoever has got that far has been let in.
"""

from __future__ import annotations

from styx.agent.contact import PLACE
from styx.api import DIVISIBLE, Boot, Cloud, Offer

SECONDS = 900  # from first boot to the first request that an agent has answered
LOOK = 5  # seconds between looks

# Time is the kernel's uptime, which no clock that is set jumps over; the length of the looks where there is none. Not
# "since boot", for a container is told its host's uptime: since the script ran first, which is in the first boot.
_WATCH = """\
cd @PLACE@ || exit
end() { shutdown -h -P now 'styx-watchdog: no agent has made contact'; }
command -v shutdown >/dev/null || end() { poweroff; }
uptime() { { read -r up rest </proc/uptime && up=${up%%.*}; } 2>/dev/null || up=$((up + @LOOK@)); }
up=0 deadline=
echo $$ >pid.new && mv pid.new pid
uptime
[ -s deadline ] || echo $((up + @SECONDS@)) >deadline
read -r deadline <deadline
while :; do
  for mark in contact/*; do
    if [ -e "$mark" ] || [ -L "$mark" ]; then exit 0; fi
  done
  uptime
  [ "$up" -lt "$deadline" ] || break
  sleep @LOOK@
done
while :; do # a shutdown that is refused or hangs is asked for again
  end
  sleep 60
done
"""

_ARM = """\
#!/bin/sh
# Styx: shut this machine down unless an agent makes contact within @SECONDS@ seconds of its first boot.
PATH=${PATH:-/bin}
command -v shutdown >/dev/null || PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin
export PATH
styx_watchdog() (
  umask 022
  place=@PLACE@
  boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)
  # What an image of another machine, or a boot before this one, has left says nothing.
  [ "$boot" = "$(cat $place/boot 2>/dev/null)" ] && [ ! -L $place ] || rm -rf $place
  mkdir -p $place && cd $place || return
  for mark in contact/*; do
    if [ -e "$mark" ] || [ -L "$mark" ]; then return 0; fi
  done
  if [ -s pid ] && kill -0 "$(cat pid)" 2>/dev/null; then return 0; fi
  [ -d contact ] || mkdir -m 1733 contact || return
  printf '%s\\n' "$boot" >boot
  cat >watch <<'STYX_WATCH' || return
@WATCH@STYX_WATCH
  # Whatever runs this script may end all that it started: then it has to be another's child.
  if [ -d /run/systemd/system ] && systemd-run --unit=styx-watchdog /bin/sh $place/watch >/dev/null 2>&1; then
    return 0
  fi
  if command -v setsid >/dev/null; then
    setsid /bin/sh $place/watch </dev/null >/dev/null 2>&1 &
  else
    (trap '' HUP INT; exec /bin/sh $place/watch </dev/null >/dev/null 2>&1) &
  fi
  for try in 1 2 3 4 5 6 7 8 9 10; do # until then it can still be ended with this script
    if [ -s pid ] && kill -0 "$(cat pid)" 2>/dev/null; then return 0; fi
    sleep 0.1 2>/dev/null || sleep 1
  done
)
styx_watchdog || :
"""


def script(seconds: int = SECONDS) -> str:
    """The POSIX shell script that arms the watchdog, to be run as root at first boot.

    Needs nothing but ``sh`` and what every system has to boot and shut down. Returns in a moment, whatever happens;
    running it again arms nothing twice and grants no more time. It defines no more than a function and PATH, so that a
    provider may put it before a script of its own.

    It guards the first boot alone: a machine that reboots before any contact is not looked after any more.
    """
    look = max(1, min(LOOK, seconds // 4))
    text = _ARM.replace("@WATCH@", _WATCH)
    return text.replace("@PLACE@", PLACE).replace("@SECONDS@", str(seconds)).replace("@LOOK@", str(look))


def boot(cloud: Cloud, authorized_key: str) -> Boot:
    """What a new machine of this cloud is given for its first minutes: the watchdog where shutting down ends it."""
    return Boot(authorized_key, script() if _can_guard(cloud) else "", SECONDS)


def warning(cloud: Cloud, offer: Offer, *, spot: bool) -> str | None:
    """What to tell whoever launches this offer when nothing would end the machines if this client died; else None."""
    if _can_guard(cloud) or offer.price(spot=spot) == 0 or DIVISIBLE in offer.capabilities:
        return None  # a part of a machine that is there anyway costs nothing more
    return (
        f"machines on {cloud.name} cannot end by themselves: should this client die before they are up, "
        "they are billed until `styx status` or `styx down` finds them"
    )


def _can_guard(cloud: Cloud) -> bool:
    """Whether the script would be run and would end the bill: where a guest's shutdown does not, it only locks out."""
    return cloud.traits.boot_script and bool(cloud.traits.self_stop)
