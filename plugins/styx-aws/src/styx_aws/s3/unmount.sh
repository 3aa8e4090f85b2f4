# Takes a mount away once all that was written through it is in the bucket. node.sh stands before it.

# What rclone has yet to send is written down in its cache, also where it was killed.
is_on_its_way() { [ -n "$CACHED" ] && grep -rqs '"Dirty": *true' "$mine/cache/vfsMeta"; }

[ -f "$mine/what" ] || exit 0 # nothing of ours
[ -z "$CACHED" ] || sleep 1 # what was closed a moment ago is not written down yet
seconds=0
while is_on_its_way; do
  is_mounted && ls "$at" >/dev/null 2>&1 || die "not all that was written is in the bucket; mount it again, and it goes on"
  [ "$seconds" -lt 600 ] || die "for ten minutes not all that was written could be stored: $(tail -n 1 "$mine/log")"
  sleep 1
  seconds=$((seconds + 1))
done
if is_mounted; then
  fusermount3 -u "$at" 2>/dev/null || fusermount -u "$at" 2>/dev/null || as_root umount "$at" 2>/dev/null ||
    die "it is in use"
fi
rm -f "$mine/what" "$mine/credentials"
