"""How a local node ends itself: one shell command, run on the node by whoever decides that it is time.

It needs /bin/sh and the likes of tr and mv, no Python: what runs the node may be the last thing to go. It spares
its caller until everything else has ended, so that the caller can still say why, and ends it then. A stop is marked
before anything is killed: one that is cut short is seen as under way, and the next start, stop or removal finishes it.

In a copy of an installation there is a node of the same name, whose agent may have been told this very command: it does
nothing there, and ends nothing that lives in the other's directory.
"""

from __future__ import annotations

import shlex

from styx.api import SelfStop
from styx.builtin.disk import UNMOUNT_BELOW
from styx.builtin.local.nodes import BY_ITSELF, GONE, STOPPED, STOPPING, LocalNode

# The environment is compared line by line with newlines in values made spaces, so that rank 1 is not taken for rank 10
# and a value that mentions the node is not taken for the variable. A grep that can see past the zero bytes in it (it
# finds our own) spares us looking at each process there is.
_PRELUDE = r"""
if ! [ "$HOME" -ef "$node/home" ]; then
  echo "$HOME is not the home of $node: nothing was done" >&2
  exit 1
fi
trap '' HUP INT TERM PIPE
cd /
elsewhere() {
  home="
$environment"
  home=${home#*"
HOME="}
  home=${home%%"
"*}
  place=${home%/home} above=${home%/*/home}
  [ "${above##*/}-${place##*/}" = "$name" ] && [ -d "$place" ] && ! [ "$place" -ef "$node" ]
}
find_processes() {
  found= others=
  candidates=/proc/[0-9]*
  if grep -l STYX_NODE= "/proc/$$/environ"; then
    candidates=$(grep -l STYX_NODE= /proc/[0-9]*/environ)
  fi >/dev/null 2>&1
  for dir in $candidates; do
    dir=${dir%/environ} pid=${dir#/proc/} pid=${pid%/environ}
    [ "$pid" != "$$" ] && [ "$pid" != "$1" ] && [ -r "$dir/environ" ] || continue
    { environment=$(tr '\0\n' '\n ' < "$dir/environ"); } 2>/dev/null
    case "
$environment
" in
      *"
STYX_NODE=$name
"*) if elsewhere; then others="$others $pid"; else found="$found $pid"; fi ;;
      *"
STYX_NODE="*) others="$others $pid" ;;
    esac
  done
  more=$found
  while [ -n "$more" ]; do
    more=
    for dir in /proc/[0-9]*; do
      pid=${dir#/proc/} parent=
      [ "$pid" != "$1" ] || continue
      case "$found $others " in *" $pid "*) continue ;; esac
      { read -r line < "$dir/stat"; } 2>/dev/null || continue
      line=${line##*') '} line=${line#* } parent=${line%% *}
      case "$found " in *" ${parent:-none} "*) found="$found $pid" more=1 ;; esac
    done
  done
}
end_processes() {
  round=0
  while find_processes "$1"; [ -n "$found" ] && [ "$round" -lt 40 ]; do
    if [ "$round" -ge 10 ]; then kill -KILL $found
    elif [ "$round" -eq 0 ]; then kill -TERM $found; kill -CONT $found
    fi 2>/dev/null
    round=$((round + 1))
    sleep 0.1 2>/dev/null || sleep 1
  done
}
mark() {
  printf '%s\n' "$1 {by} $(date +%s)" > "$node/.$$.draft" && mv -f "$node/.$$.draft" "$node/state"
}
""".replace("{by}", BY_ITSELF)

_STOP = f"""
mark {STOPPING} || exit 1
end_processes "$PPID"
end_processes ""
mark {STOPPED}
"""

_REMOVE = (
    UNMOUNT_BELOW
    + """
end_processes "$PPID"
end_processes ""
mv "$node" "$gone" || exit 1
rmdir "$attempt" 2>/dev/null
unmount_below "$gone" || exit 1
rm -rf "$gone" 2>/dev/null || { chmod -R u+rwx "$gone"; rm -rf "$gone"; }
"""
)


def command(node: LocalNode, mode: SelfStop) -> str:
    """The command by which this node stops (and keeps its home) or removes itself. It fails only with nothing done."""
    attempt = node.path.parent
    gone = attempt.parent / f"{GONE}{node.owner.name}.{node.rank}"
    values = {"name": node.name, "node": node.path, "attempt": attempt, "gone": gone}
    assignments = "\n".join(f"{name}={shlex.quote(str(value))}" for name, value in values.items())
    return assignments + _PRELUDE + (_STOP if mode is SelfStop.STOP else _REMOVE)
