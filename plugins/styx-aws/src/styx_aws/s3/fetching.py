"""The command by which a node without credentials copies objects: from addresses that are signed for it."""

from __future__ import annotations

from collections.abc import Iterable
from shlex import quote

from styx.api import NotFound, StoredObject
from styx_aws.s3.account import Bucket
from styx_aws.s3.uri import Place, path_below

_SECONDS = 3600
_LONGEST = 64 << 10  # bytes: a shell takes no argument that is much longer
# Whoever has an address may read: it is on no command line of a program, which others on the node could see.
_FETCH = r"""fetch() {
  case $2 in */*) mkdir -p -- "${2%/*}" || return ;; esac
  if command -v curl >/dev/null; then
    printf 'url = "%s"\n' "$1" | curl -fsS --retry 5 --retry-connrefused -o "$2.styx-part" -K -
  elif command -v wget >/dev/null; then
    printf '%s\n' "$1" | wget -q -t 5 -O "$2.styx-part" -i -
  else
    printf '%s\n' "$1" | python3 -c 'import sys, urllib.request as u;u.urlretrieve(input(), sys.argv[1])' "$2.styx-part"
  fi && mv -f -- "$2.styx-part" "$2" || { rm -f -- "$2.styx-part"; echo "cannot fetch $2" >&2; return 1; }
}
"""


def command(bucket: Bucket, place: Place, things: Iterable[StoredObject], target: str) -> str | None:
    """Copies what was found at the place to the target; None where the command would be too long."""
    to = target.removeprefix("~/")  # commands run in the home
    text = [_FETCH.strip()]
    length = 0
    for thing in things:
        itself = thing.key == place.key and not place.prefix
        path = "" if itself else path_below(thing.key, place.folder)
        at = quote(f"{to}/{path}" if path else to)
        if thing.key.endswith("/"):
            text.append(f"mkdir -p -- {at} || exit")
        else:
            text.append(f"fetch {quote(bucket.wire.presign('GET', thing.key, _SECONDS))} {at} || exit")
        length += len(text[-1])
        if length > _LONGEST:
            return None
        if itself:
            break
    if len(text) == 1:
        raise NotFound(f"there is nothing at s3://{place.bucket}/{place.key}")
    return "\n".join(text)
