"""A stand-in for ``mount-s3`` on hosts: AWS' program cannot be had from Debian, and rclone takes what it is given."""

from __future__ import annotations

import shutil
from pathlib import Path

_TEXT = """\
#!/bin/sh
bucket=$1 at=$2 prefix= options=
shift 2
while [ $# -gt 0 ]; do
  case $1 in
  --prefix) prefix=$2; shift ;;
  --endpoint-url) RCLONE_CONFIG_S_ENDPOINT=$2; shift ;;
  --region) shift ;;
  --read-only) options="$options $1" ;;
  esac
  shift
done
export RCLONE_CONFIG_S_ENDPOINT RCLONE_CONFIG_S_TYPE=s3 RCLONE_CONFIG_S_PROVIDER=Other RCLONE_CONFIG_S_ENV_AUTH=true
case $(rclone version) in *-DEV*) serve=mount2 ;; *) serve=mount ;; esac # as mount.sh does
exec rclone $serve "s:$bucket/$prefix" "$at" --daemon --config /dev/null $options
"""


def provide(programs: Path) -> None:
    """Put it among the programs of a host, unless this machine has the real one, or no rclone."""
    if shutil.which("mount-s3") is None and shutil.which("rclone") is not None:
        program = programs / "mount-s3"
        program.write_text(_TEXT)
        program.chmod(0o755)
