# A node's container, and what runs in it: sh container.sh NAME ACTION ARGUMENTS...
#
#     prepare IMAGE HOME JOBS              fetch the image and start the container; stdin: registry, user, password
#     run IMAGE HOME JOBS DIRECTORY MARKER BOOT_ID UMASK WORKDIR
#                                          run one rank of a job; stdin: a script that exports its environment
#     end MARKER SECONDS                   end all that a job has in it, by force after so long
#     halt                                 end all that runs in it
#
# "run" is to the agent what shim.sh is without a container, and lives as long as the shim in the container does, which
# needs neither this process nor the agent: a pipe in DIRECTORY says when it is gone. Nothing of a job is in any command
# line or in what Docker tells of the container; what is given to it goes through pipes.
name=$1 action=$2
shift 2

NODE=/mnt/node # where the node's home is in the container

# Who is process 1 there takes the exit statuses of all whose parents have died.
IDLE='trap "exit 0" TERM; while :; do sleep 86400 & wait $!; done'

# Starts a shim in the container, as its own process: DIRECTORY MARKER UMASK WORKDIR OWNER NODE
START='
dir=$1 marker=$2 umask=$3 workdir=$4 owner=$5 node=$6
[ -w "$dir" ] || { echo "its root may not write files of this node: Docker maps users here"; exit 1; }
env=$(cat)

# What the task has put on the node is found under the same names here: added to what the image has under a name.
shown() { # FILE NAME
    if [ -e "$2" ] && [ ! -L "$2" ]; then cp -a "$1" "${2%/*}/"
    else mkdir -p "${2%/*}" && ln -sfn "$1" "$2"; fi
}
for each in styx_workdir sky_workdir; do
    [ ! -e "$node/$each" ] || [ -e "$HOME/$each" ] || ln -sfn "$node/$each" "$HOME/$each"
done
while read -r target; do
    case $target in
    /*) shown "$node/.styx_container/root$target" "$target" ;;
    *) shown "$node/$target" "$HOME/$target" ;;
    esac
done 2>/dev/null <"$node/.styx_container/mounts"
exec 9>"$dir/alive"
(
    trap : TERM INT HUP # not "ignore", which the shim and the job would inherit
    shell=$(command -v bash) || shell=/bin/sh
    (eval "$env"; exec /bin/sh "$dir/shim.sh" "$dir" "$shell" "$marker" - "$umask" "$HOME/$workdir") 9>&-
    # What root has made there belongs to the user, who may copy other files over it.
    [ "${owner%:*}" = 0 ] || [ -z "$workdir" ] || find "$node/$workdir/" ! -user "${owner%:*}" -exec chown -h "$owner" {} + 9>&-
) </dev/null >/dev/null 2>&1 &
'

# Ends what is marked in the container: MARKER SECONDS.
END='
marker=STYX_JOB=$1 looks=$(($2 * 10))
marked() {
    for file in $(grep -ls "$marker" /proc/[0-9]*/environ); do # with -F, busybox sees the first variable alone
        pid=${file#/proc/}
        ! tr "\0" "\n" 2>/dev/null <"$file" | grep -qxF "$marker" || echo "${pid%/environ}"
    done
}
told=
while pids=$(marked) && [ -n "$pids" ]; do
    if [ "$looks" -le 0 ]; then kill -KILL $pids
    elif [ -z "$told" ]; then kill -TERM $pids; kill -CONT $pids; told=1; fi
    looks=$((looks - 1))
    sleep 0.1 || sleep 1
done 2>/dev/null
exit 0
'

# Finds the way to the engine: as this user, or as root.
find_engine() {
    for docker in docker 'sudo -n docker'; do
        ! $docker version >/dev/null 2>&1 || return 0
    done
    echo "Docker cannot be used on this node" >&2
    return 1
}

running() {
    [ "$($docker inspect -f '{{.State.Running}}' "$name" 2>/dev/null)" = true ]
}

# Starts the container, made anew where it is not there or cannot be started any more. Two that try at once both succeed.
ensure() { # IMAGE HOME JOBS
    for try in 1 2 3; do
        ! running || return 0
        said=$($docker start "$name" 2>&1 >/dev/null) && return 0
        $docker rm -f "$name" >/dev/null 2>&1
        said=$(create "$@" 2>&1 >/dev/null) && return 0
    done
    case $said in *'/bin/sh'*) said="the image has no /bin/sh, with which jobs are started: $said" ;; esac
    echo "$said" >&2
    return 1
}

create() { # IMAGE HOME JOBS
    image=$1 home=$2 jobs=$3
    echo "$image" >"$jobs/container" # so that whoever removes the node knows, or takes it up again
    while read -r what size _; do [ "$what" != MemTotal: ] || half=$((size / 2)); done </proc/meminfo
    set -- --name "$name" --label styx --network host --user 0:0 --cap-add SYS_PTRACE --workdir / \
        --entrypoint /bin/sh --shm-size "${half:-1048576}k" --security-opt label=disable \
        --mount "type=bind,source=$jobs,target=$jobs"
    ! gpus || set -- "$@" --gpus all
    [ ! -d /dev/infiniband ] || set -- "$@" --device /dev/infiniband --ulimit memlock=-1
    # What is mounted below the home later shows in the container too, unless the node keeps its mounts to itself.
    home="type=bind,source=$home,target=$NODE"
    $docker run -d "$@" --mount "$home,bind-propagation=rslave" "$image" -c "$IDLE" 2>/dev/null ||
        { $docker rm -f "$name"; $docker run -d "$@" --mount "$home" "$image" -c "$IDLE"; }
}

gpus() {
    [ -e /dev/nvidiactl ] || return 1
    command -v nvidia-ctk || command -v nvidia-container-cli || $docker info 2>/dev/null | grep -q 'Runtimes:.*nvidia'
}

prepare() { # IMAGE HOME JOBS
    IFS= read -r registry && IFS= read -r user && IFS= read -r password
    find_engine || return
    running && return
    if ! $docker inspect "$name" >/dev/null 2>&1; then
        fetch "$1" || return
    fi
    [ ! -e /dev/nvidiactl ] || gpus >/dev/null ||
        echo "note: this node has GPUs and no NVIDIA Container Toolkit, so containers cannot use them"
    ensure "$@"
}

forget() {
    trap '' HUP INT PIPE TERM # the whole group is told to end, rm too
    rm -rf "$config"
}

# What is there already will do where it cannot be fetched: images that are made on the node are in no registry.
fetch() { # IMAGE
    full=$1
    case $1 in "${registry:-$1}" | "$registry"/*) ;; *) full=$registry/$1 ;; esac
    if [ -n "$password" ]; then
        config=$(mktemp -u /dev/shm/styx-login.XXXXXX) || return # made once it is sure to go again
        trap forget EXIT
        trap 'forget; exit 1' HUP INT PIPE TERM
        mkdir -m 700 "$config" || return
        said=$(printf %s "$password" | $docker --config "$config" login -u "$user" --password-stdin ${registry:+"$registry"} 2>&1) ||
            { echo "the registry ${registry:-of Docker} refuses this name and password: $said" >&2; return 1; }
        said=$($docker --config "$config" pull -q "$full" 2>&1)
    else
        said=$($docker pull -q "$full" 2>&1)
    fi || $docker image inspect "$1" >/dev/null 2>&1 || { echo "cannot fetch $full: $said" >&2; return 1; }
    [ "$full" = "$1" ] || $docker image inspect "$1" >/dev/null 2>&1 || $docker tag "$full" "$1"
}

run() { # IMAGE HOME JOBS DIRECTORY MARKER BOOT_ID UMASK WORKDIR
    dir=$4
    # Exclusive, as in shim.sh.
    read -r _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ started _ <"/proc/$$/stat"
    set -C
    echo "$$ $started $6" 2>/dev/null >"$dir/process" || { [ -s "$dir/process" ] || mv "$dir"/phase.* "$dir/exit.126"; exit; }
    set +C
    trap '' TERM INT HUP # what ends a job ends it in the container
    # Both ends, so that neither waits for the other; then the reading one alone, which ends when the shim does.
    mkfifo "$dir/alive" && exec 9<>"$dir/alive" 8<"$dir/alive" || exit
    said=$(start "$@" 2>&1 8<&- 9<&-) || {
        printf '[styx: the container of this node cannot be used: %s]\n' "$said" >>"$dir/log"
        mv "$dir"/phase.* "$dir/exit.126"
        exit
    }
    exec 9<&-
    cat <&8 >/dev/null
}

start() { # as run
    find_engine </dev/null && ensure "$1" "$2" "$3" </dev/null >/dev/null || return
    $docker exec -i -e "STYX_JOB=$5" "$name" /bin/sh -c "$START" sh "$4" "$5" "$7" "$8" "$(id -u):$(id -g)" $NODE
}

end() { # MARKER SECONDS
    if find_engine 2>/dev/null && running; then
        $docker exec "$name" /bin/sh -c "$END" sh "$@"
    fi
}

halt() {
    if find_engine 2>/dev/null && running; then
        $docker kill "$name"
    fi
}

"$action" "$@"
