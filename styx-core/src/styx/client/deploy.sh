# Run as a job on the node of a server: install Styx beside what runs there, and let that take over. What the server is
# to have in its environment is in the job's. STYX_DEPLOY_NAME is new each time, STYX_DEPLOY_PACKAGES is for pip.
set -eu
umask 077
base=$HOME/.styx-server
new=$base/venvs/$STYX_DEPLOY_NAME

fail() {
    echo "styx: $1" >&2
    exit 1
}

elsewhere=$base/records-elsewhere
[ ! -e "$elsewhere" ] || [ -n "${STYX_DATABASE_URL-}" ] ||
    fail "the server here has its records elsewhere: say where by the secret STYX_DATABASE_URL, or remove $elsewhere"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "a server needs Python 3.11 or newer on its node, which has $(python3 --version 2>&1)"

# Of an earlier deployment, if it runs: the number may be another process's by now.
runs() {
    pid=$(cat "$base/pid" 2>/dev/null) && [ -n "$pid" ] &&
        tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF "$base/keep.sh"
}
# Whether it is that which listens at the port, the last word of its command line.
listens() { runs && [ "$(tr '\0' '\n' <"/proc/$pid/cmdline" | tail -n 1)" = "$port" ]; }

port=$STYX_DEPLOY_PORT
why=$(
    python3 - "$port" 2>&1 <<'PROBE'
import errno, socket, sys

with socket.socket() as probe:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind(("0.0.0.0", int(sys.argv[1])))
    except OSError as error:
        sys.exit("something else listens there" if error.errno == errno.EADDRINUSE else error.strerror)
PROBE
) || listens || fail "port $port of the machine cannot be had: $why. Choose another by --port, or make it free"
mkdir -p "$base/home" "$base/venvs"
python3 -m venv "$new"
# Names of packages have no spaces, and neither have the options.
"$new/bin/pip" --quiet --disable-pip-version-check install --find-links "$base/wheels" \
    $STYX_DEPLOY_OPTIONS $STYX_DEPLOY_PACKAGES
[ ! -f "$base/config.yaml" ] || cp "$base/config.yaml" "$base/home/config.yaml"

# Starts the server again whenever it ends, until it is told to end itself.
cat >"$base/keep.sh" <<'KEEP'
base=$1 port=$2
echo $$ >"$base/pid"
export STYX_HOME="$base/home"
trap 'trap "" TERM; kill -TERM "$child" 2>/dev/null; wait "$child"; exit 0' TERM
while :; do
    "$base/current/bin/styx-server" --host 0.0.0.0 --port "$port" --tls-own &
    child=$!
    wait "$child"
    sleep 2 &
    child=$!
    wait "$child"
done
KEEP

if runs; then
    kill -TERM "$pid"
    tries=0
    while runs; do
        tries=$((tries + 1))
        [ $tries -lt 40 ] || fail "the server that is there, process $pid, does not end"
        sleep 1
    done
fi
ln -sfn "$new" "$base/current"
[ -z "${STYX_DATABASE_URL-}" ] || touch "$elsewhere"
log=$base/home/server.log
[ ! -f "$log" ] || mv "$log" "$log.1"
unset STYX_DEPLOY_NAME STYX_DEPLOY_PACKAGES STYX_DEPLOY_OPTIONS STYX_DEPLOY_PORT
setsid sh "$base/keep.sh" "$base" "$port" >"$log" 2>&1 </dev/null &
tries=0
until STYX_HOME=$base/home "$new/bin/styx" api status >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ $tries -ge 60 ]; then
        tail -n 20 "$log" >&2
        fail "the server does not answer"
    fi
    sleep 1
done
for old in "$base/venvs"/*; do
    [ "$old" = "$new" ] || rm -rf "$old"
done
echo "The server runs."
