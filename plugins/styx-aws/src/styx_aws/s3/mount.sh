# Mounts a bucket on a node, unless it is mounted. node.sh stands before it.

package() {
  if has apt-get; then
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq update &&
      as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq -y install "$1"
  elif has dnf; then as_root dnf -q -y install "$1"
  elif has yum; then as_root yum -q -y install "$1"
  elif has zypper; then as_root zypper -q -n install "$1"
  elif has apk; then as_root apk -q add "$1"
  else return 1
  fi >/dev/null 2>&1
}

download() {
  if has curl; then curl -fsSL --retry 3 -o "$2" "$1"; elif has wget; then wget -q -O "$2" "$1"
  else python3 -c 'import sys, urllib.request as u; u.urlretrieve(sys.argv[1], sys.argv[2])' "$1" "$2"
  fi
}

need_mount_s3() {
  has mount-s3 || { ! has apt-get && package mount-s3; } && return
  case $(uname -m) in x86_64) machine=x86_64 ;; aarch64 | arm64) machine=arm64 ;; *) machine= ;; esac
  if has apt-get; then kind=deb; elif has dnf || has yum || has zypper; then kind=rpm; else kind=; fi
  [ -n "$machine" ] && [ -n "$kind" ] || die "there is no Mountpoint for S3 for this system; mode MOUNT_CACHED uses rclone"
  file=$(mktemp -d)/mount-s3.$kind
  download "https://s3.amazonaws.com/mountpoint-s3-release/latest/$machine/mount-s3.$kind" "$file" && chmod -R a+rX "${file%/*}" &&
    package "$file"
  rm -rf "${file%/*}"
  has mount-s3 || die "Mountpoint for S3 could not be installed: have mount-s3 in the image, or let this user become root"
}

need_rclone() {
  has rclone || package rclone && return
  case $(uname -m) in x86_64) machine=amd64 ;; aarch64 | arm64) machine=arm64 ;; *) machine=$(uname -m) ;; esac
  place=$(mktemp -d)
  download "https://downloads.rclone.org/rclone-current-linux-$machine.zip" "$place/rclone.zip" &&
    python3 -m zipfile -e "$place/rclone.zip" "$place" && mkdir -p "$HOME/.local/bin" &&
    cp "$place"/rclone-*/rclone "$HOME/.local/bin/rclone" && chmod 755 "$HOME/.local/bin/rclone"
  rm -rf "$place"
  has rclone || die "rclone could not be installed: have it in the image"
}

has_role() {
  python3 - <<'END' 2>/dev/null
import sys, urllib.request
base = "http://169.254.169.254/latest/"
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
ask = urllib.request.Request(base + "api/token", method="PUT", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"})
token = direct.open(ask, timeout=2).read().decode()
roles = base + "meta-data/iam/security-credentials/"
ask = urllib.request.Request(roles, headers={"X-aws-ec2-metadata-token": token})
sys.exit(not direct.open(ask, timeout=2).read().strip())
END
}

unmount() {
  fusermount3 -uz "$at" 2>/dev/null || fusermount -uz "$at" 2>/dev/null || as_root umount -l "$at" 2>/dev/null ||
    die "what was mounted there cannot be removed"
}

what="$BUCKET/$PREFIX ${CACHED:-no} ${READ_ONLY:-no}"

if is_mounted; then
  [ -f "$mine/what" ] || die "something else is mounted there"
  [ "$(cat "$mine/what")" = "$what" ] && ls "$at" >/dev/null 2>&1 && exit 0
  unmount # ours, of something else or with nobody behind it any more
fi
[ -c /dev/fuse ] || as_root modprobe fuse 2>/dev/null
[ -c /dev/fuse ] || die "this machine has no /dev/fuse; use mode: COPY, or start the container with that device"
mkdir -p "$at" 2>/dev/null || { as_root mkdir -p "$at" && as_root chown "$(id -u):$(id -g)" "$at"; } ||
  die "the directory cannot be made"
[ -z "$(ls -A "$at")" ] || die "the directory is not empty"
has fusermount3 || has fusermount || package fuse3 || package fuse || die "fuse could not be installed: have it in the image"

umask 077
mkdir -p "$mine" || exit
rm -f "$mine/credentials"
if [ -n "$CREDENTIALS" ] && ! has_role; then
  printf '%s' "$CREDENTIALS" >"$mine/credentials" || exit
  export AWS_SHARED_CREDENTIALS_FILE="$mine/credentials" AWS_PROFILE=styx
  unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
fi
other=--allow-other # containers see it too
[ "$(id -u)" = 0 ] || grep -qs '^user_allow_other' /etc/fuse.conf ||
  as_root sh -c 'echo user_allow_other >>/etc/fuse.conf' || other=
set -- $other
[ -z "$READ_ONLY" ] || set -- "$@" --read-only
# What stays behind holds what it is given: no pipe, whose end somebody may wait for.
if [ -n "$CACHED" ]; then
  need_rclone
  export RCLONE_CONFIG_STYX_TYPE=s3 RCLONE_CONFIG_STYX_ENV_AUTH=true RCLONE_CONFIG_STYX_REGION="$REGION"
  export RCLONE_CONFIG_STYX_NO_CHECK_BUCKET=true RCLONE_CONFIG_STYX_PROVIDER=AWS
  [ -z "$ENDPOINT" ] || export RCLONE_CONFIG_STYX_PROVIDER=Other RCLONE_CONFIG_STYX_ENDPOINT="$ENDPOINT"
  # To copy a file with what is known of it (cp -a, shutil.copy2) asks for extended attributes. Debian's and Ubuntu's
  # rclone, which calls itself -DEV, says EIO to that, unless it mounts by its other library.
  case $(rclone version) in *-DEV*) serve=mount2 ;; *) serve=mount ;; esac
  rclone $serve "styx:$BUCKET/$PREFIX" "$at" --daemon --config /dev/null --vfs-cache-mode full --vfs-write-back 1s \
    --cache-dir "$mine/cache" --log-file "$mine/log" "$@" >"$mine/said" 2>&1 </dev/null ||
    die "$(tail -qn 3 "$mine/said" "$mine/log" 2>/dev/null)"
else
  need_mount_s3
  [ -n "$READ_ONLY" ] || set -- "$@" --allow-delete --allow-overwrite
  [ -z "$PREFIX" ] || set -- "$@" --prefix "$PREFIX"
  [ -z "$ENDPOINT" ] || set -- "$@" --endpoint-url "$ENDPOINT" --force-path-style
  mount-s3 "$BUCKET" "$at" --region "$REGION" "$@" >"$mine/said" 2>&1 </dev/null || die "$(cat "$mine/said")"
fi
printf '%s' "$what" >"$mine/what"
ls "$at" >"$mine/said" 2>&1 || {
  unmount
  die "it was mounted and cannot be read: $(tail -qn 1 "$mine/said" "$mine/log" 2>/dev/null)"
}
