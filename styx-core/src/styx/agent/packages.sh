# Having the package manager of a rented machine install something, also in the machine's first minutes; to be read by
# other scripts. Needs a ``home`` to look at: nothing is installed on a machine that somebody owns and lends, which the
# ssh cloud marks. Exits with 77 there, and with 78 where this user may not install anything.
[ ! -d "$home/.styx/nodes" ] || exit 77
if [ "$(id -u)" = 0 ]; then as=; elif sudo -n true 2>/dev/null; then as='sudo -n'; else exit 78; fi

# A machine that was just booted updates itself, knows no mirror yet, or does not know the time: that passes. Locks of
# apt's own lists are not waited for by it, and by older ones none are.
apt() {
    looks=0
    while ! said=$($as env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=60 -q -y \
        --no-install-recommends "$@" 2>&1); do
        case $said in
        *'dpkg was interrupted'*) $as env DEBIAN_FRONTEND=noninteractive dpkg --configure -a >&2 ;;
        *'Could not get lock'* | *'Unable to lock'* | *'frontend lock'* | *'is not valid yet'*) ;;
        *) looks=150 ;;
        esac
        looks=$((looks + 1))
        [ $looks -le 150 ] || { printf '%s\n' "$said" >&2; return 1; }
        sleep 2
    done
}

# Installs the first of these packages that there is: MANAGER PACKAGES...
any() {
    manager=$1
    shift
    for package; do
        if [ "$manager" = apt ]; then apt install "$package" && return
        else $as $manager "$package" >&2 && return; fi
    done
    return 1
}
