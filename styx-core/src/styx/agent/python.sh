# What jobs find as python, python3, pip and pip3: sh python.sh STATE NAME ARGUMENTS...
#
# It is what the node has, if that is of use. Debian and its kin leave two things out: pip and venv are packages of their
# own, and what pip would install into the system is refused. So where a job asks for pip, and the node has none that
# installs anything, there is an environment of this cluster, STATE/python, which sees what the system has. It is first
# on the PATH of jobs from then on, and goes with the cluster.
state=$1 name=$2
shift 2
env=$state/python

# The first program of this name that is not of ours.
real() {
    rest=$PATH:
    while [ -n "$rest" ]; do
        place=${rest%%:*} rest=${rest#*:}
        [ "$place" = "$state/tools" ] || [ ! -x "$place/$1" ] || { echo "$place/$1"; return; }
    done
    return 1
}

# Whether nothing may be installed for this interpreter but by the system's package manager.
managed() {
    "$1" -c 'import os, sys, sysconfig
marker = os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
sys.exit(sys.prefix != sys.base_prefix or not os.path.exists(marker))'
}

fail() {
    echo "styx: $1" >&2
    exit 1
}

has() { # PYTHON MODULE
    "$1" -c "import $2" 2>/dev/null
}

# Has what makes environments installed, where only that is lacking.
require_venv() { # PYTHON
    if has "$1" ensurepip && has "$1" venv; then return; fi
    command -v apt-get >/dev/null || fail "this node's Python cannot make environments: it has no venv or ensurepip"
    echo "styx: installing python3-venv" >&2
    (home=$HOME; . "${0%/*}/packages.sh"; apt update; apt install python3-venv) ||
        fail "this node's Python needs the package python3-venv, which could not be installed: ask for it there"
    has "$1" ensurepip || fail "$1 has no ensurepip: install a Python that is complete"
}

require_env() {
    python=$(real python3) || fail "this node has no Python on its PATH"
    exec 9>"$state/python.lock"
    ! command -v flock >/dev/null || flock 9 # several jobs may ask at once
    if [ ! -e "$env/made" ]; then
        require_venv "$python"
        echo "styx: this node's Python is the system's own; making an environment for this cluster's jobs" >&2
        rm -rf "$env"
        "$python" -m venv --system-site-packages "$env" >&2 && : >"$env/made" || fail "no environment could be made"
    fi
    exec 9>&-
}

case $name in
pip*)
    if pip=$(real "$name"); then
        case " $* ${PIP_BREAK_SYSTEM_PACKAGES-}" in *' --break-system-packages '* | *' 1') exec "$pip" "$@" ;; esac
        managed "${pip%/*}/python3" 2>/dev/null || exec "$pip" "$@"
    fi
    require_env
    exec "$env/bin/$name" "$@"
    ;;
*)
    python=$(real "$name") || python=$(real python3) || { echo "$name: not found" >&2; exit 127; }
    case "$1 $2" in
    '-m venv') (require_venv "$python") ;; # what it cannot do after all it says by itself
    '-m pip') if ! has "$python" pip || managed "$python"; then require_env; python=$env/bin/python3; fi ;;
    esac
    exec "$python" "$@"
    ;;
esac
