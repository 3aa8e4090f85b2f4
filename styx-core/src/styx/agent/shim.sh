# Runs one rank of a job and outlives the agent: sh shim.sh DIRECTORY SHELL MARKER BOOT_ID UMASK WORKDIR
#
# Who runs it is in the file "process": pid, start time, boot id. In a container, where BOOT_ID is "-", that is who has
# started the shim there: see container.sh.
# How far it has come is the name of one file in DIRECTORY, changed by rename, which also works on a full disk:
# phase.setting_up, phase.ready, phase.running, then exit.CODE or setup_exit.CODE.
dir=$1 shell=$2 marker=$3 boot=$4 workdir=$6

# Exclusive, so that of two starts of one rank, an agent's and its successor's, one wins.
if [ "$boot" != - ]; then
    read -r _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ started _ <"/proc/$$/stat"
    set -C
    if ! echo "$$ $started $boot" 2>/dev/null >"$dir/process"; then
        [ -s "$dir/process" ] || mv "$dir"/phase.* "$dir/exit.126" # the disk is full
        exit
    fi
    set +C
fi

umask "$5"
cd "$workdir" 2>/dev/null || cd "$HOME" 2>/dev/null || cd /
# The job's own PATH may lead nowhere; what is run here must be found all the same.
path=$PATH
PATH=/usr/bin:/bin:$PATH

# Runs one script of the job, whose errors go to 3.
script() {
    (PATH=$path STYX_JOB=$marker exec "$shell" "$1" 2>&3 3>&-) # inside, as the redirection else holds for this shell
    code=$?
    [ "$code" -ne 137 ] || [ -n "$stopped" ] || echo Killed >&3 # by the kernel, as when memory runs out
    return "$code"
}

steps() {
    exec 3>&2 2>/dev/null # this shell says "Terminated" of a script that is cancelled, which is not the job's output
    trap 'stopped=1' TERM INT HUP # a handler, not "ignore": the job's own processes start with the default again
    phase=running
    if [ -e "$dir/phase.setting_up" ]; then
        if ! script "$dir/setup.sh"; then
            mv "$dir/phase.setting_up" "$dir/setup_exit.$code"
            return
        fi
        phase=setting_up
        if [ -e "$dir/hold" ]; then
            mv "$dir/phase.setting_up" "$dir/phase.ready"
            phase=ready
            looks=0 pause=0.02
            until [ -e "$dir/go" ] || [ -n "$stopped" ]; do
                sleep $pause
                looks=$((looks + 1))
                [ $looks -lt 50 ] || pause=0.2 # others are slow
            done
        fi
        [ -z "$stopped" ] || return
        mv "$dir/phase.$phase" "$dir/phase.running"
    fi
    script "$dir/run.sh"
    mv "$dir/phase.running" "$dir/exit.$code"
}

# A job must not feel a full disk: what cannot be written is read and dropped, and the log says how much.
pump() {
    trap '' TERM INT HUP # "ignore", which cat inherits: it ends when everybody who writes has ended
    until cat >>"$dir/log" 2>/dev/null; do
        lost=0
        until dd if=/dev/zero of="$dir/probe" bs=65536 count=1 2>/dev/null; do
            got=$(dd bs=65536 count=1 2>/dev/null | wc -c)
            [ "$got" -gt 0 ] || break 2
            lost=$((lost + got))
        done
        rm -f "$dir/probe"
        printf '\n[styx: %d KiB or more of output were lost here: the disk was full]\n' \
            $((lost / 1024)) >>"$dir/log" 2>/dev/null
    done
    rm -f "$dir/probe"
}

trap : TERM INT HUP
{
    steps
    kill -TERM 0 # what the job left in the background goes; what made a session of its own stays
} 2>&1 | pump
