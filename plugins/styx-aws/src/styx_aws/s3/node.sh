# What mount.sh and unmount.sh share. Before it stand: BUCKET PREFIX TARGET REGION ENDPOINT CACHED READ_ONLY CREDENTIALS
# NAME; the last is of this mount, ENDPOINT and CREDENTIALS may be empty, CACHED and READ_ONLY are yes or empty.

die() { echo "cannot $DOING s3://$BUCKET/$PREFIX at $TARGET: $*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif has sudo && sudo -n true 2>/dev/null; then sudo -n "$@"; else return 1; fi
}

is_mounted() { awk -v at="$at" '{ gsub(/\\040/, " ", $2) } $2 == at { found = 1 } END { exit !found }' /proc/self/mounts; }

PATH=$PATH:/usr/local/bin:/usr/sbin:/sbin:$HOME/.local/bin
cd || exit
mine=$HOME/.styx/s3/$NAME
case $TARGET in /*) at=$TARGET ;; *) at=$(pwd -P)/$TARGET ;; esac
