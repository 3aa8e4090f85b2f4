"""Giving a machine back: what the node ran is killed, what it kept is deleted, and the reservation goes last.

What a task's ``file_mounts`` put into the home stays, like what its jobs wrote there: it is the user's own machine, and
a file that was mounted over one of theirs cannot be told from it any more.
"""

from __future__ import annotations

from shlex import quote

from styx.api import Owner
from styx.builtin.disk import UNMOUNT_BELOW
from styx.builtin.ssh.marks import place

# The pattern is put together from variables, so that no command line that carries this text matches it. Agents and the
# shims of jobs have the path of their state on their command line; jobs are in the process group of their shim, and
# carry the node's name in their environment wherever they went. The rank is part of both: hosts may share their
# processes, as containers can, and a node that gives its host back must not end another that is about to.
_KILL = r"""
having() { # the files that hold a text; busybox's grep stops at the first NUL
  if printf 'a\0b\n' | grep -qaF b 2>/dev/null; then grep -laF "$@" 2>/dev/null; return; fi
  text=$1
  shift
  for file; do
    cat "$file" 2>/dev/null | tr '\0' '\n' | grep -qF "$text" && echo "$file"
  done
}
pids() {
  state=.styx/clusters/$key
  any=$(echo $which | tr ' ' '|')
  for file in $(having "/$state/" /proc/[0-9]*/cmdline); do
    cat "$file" 2>/dev/null | tr '\0' '\n' | grep -qE "/$state/($any)([^0-9]|\$)" && echo "$file"
  done
  for file in $(having "STYX_NODE=$key-" /proc/[0-9]*/environ); do
    cat "$file" 2>/dev/null | tr '\0' '\n' | grep -qxE "STYX_NODE=$key-($any)" && echo "$file"
  done
}
round=0
while [ $round -lt 20 ]; do
  alive=
  for file in $(pids); do
    pid=${file#/proc/}
    pid=${pid%%/*}
    [ "$pid" != $$ ] || continue
    case $(sed -n 's/^State:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null) in '' | Z*) continue ;; esac
    alive=yes
    kill -9 "-$pid" 2>/dev/null # the one way to name a group that dash, bash and busybox all understand
    kill -9 "$pid" 2>/dev/null
  done
  [ -n "$alive" ] || break
  round=$((round + 1))
  sleep 0.1
done
"""

_RELEASE = r"""
ranks() { # the ranks of this attempt that hold the machine
  for file in "$machine/$key"-*; do
    rank=${file#"$machine/$key-"}
    case $rank in '' | *[!0-9]*) ;; *) [ ! -e "$file" ] || echo "$rank" ;; esac
  done
}
there=/var/tmp/styx-$(id -u) # what is in .styx else, where the home is on a network
held=$(ranks)
if [ -z "$held" ] && [ ! -d ".styx/clusters/$key" ] && [ ! -d "$there/.styx/clusters/$key" ]; then exit 0; fi
which=${held:-$(for base in . "$there"; do ls "$base/.styx/clusters/$key" 2>/dev/null; done)}
[ -z "$which" ] || kill_all
others=$(ls .styx/nodes | wc -l)
for rank in $which; do
  socket=/tmp/styx-$(id -u)/$(printf %s "$key/$rank/$HOME" | sha256sum 2>/dev/null | cut -c1-16).sock
  rm -rf ".styx/clusters/$key/$rank" "$there/.styx/clusters/$key/$rank" "$socket" "$socket".*
done
rmdir ".styx/clusters/$key" "$there/.styx/clusters/$key" 2>/dev/null
rmdir "/tmp/styx-$(id -u)" 2>/dev/null
keys=.ssh/authorized_keys
if grep -qs " styx:$key:[0-9]*\$" $keys; then
  round=0
  until mkdir .ssh/.styx-lock 2>/dev/null || [ $round -ge 100 ]; do round=$((round + 1)); sleep 0.1; done
  keys=$(readlink -f $keys)
  cp -p "$keys" "$keys.styx" && { grep -v " styx:$key:[0-9]*\$" "$keys" >"$keys.styx"; [ $? -le 1 ]; } &&
    mv "$keys.styx" "$keys"
  [ -s "$keys" ] || rm -f "$keys"
  rmdir .ssh/.styx-lock .ssh 2>/dev/null
fi
if rmdir "$there/.styx/clusters" 2>/dev/null; then
  rm -rf "$there/.styx/agent"
  rmdir "$there/.styx" "$there" 2>/dev/null
fi
if rmdir .styx/clusters 2>/dev/null || [ ! -e .styx/clusters ]; then rm -rf .styx/agent; fi
if [ "$others" -le 1 ]; then # nobody else uses this home
  unmount_below styx_workdir && rm -rf styx_workdir
  [ ! -h sky_workdir ] || rm -f sky_workdir
fi
for rank in $held; do rm -f "$machine/$key-$rank"; done
rmdir "$machine" .styx/nodes .styx 2>/dev/null
exit 0
"""


def release(owner: Owner) -> str:
    """The command that gives the machine back if this attempt holds it. Idempotent; status 0 when it is done."""
    kill = f"kill_all() {{\n{_KILL}\n}}\n"
    return f"key={quote(owner.name)}\n{kill}{UNMOUNT_BELOW}{place()}{_RELEASE}"


def release_by_itself(owner: Owner) -> str:
    """The same as a command for the node itself: it goes on in the background while what started it is killed."""
    command = f"env -u STYX_NODE -u STYX_JOB sh -c {quote(release(owner))} </dev/null >/dev/null 2>&1 &"
    return f"if command -v setsid >/dev/null; then setsid {command} else {command} fi"
