#!/bin/bash
# One systemd machine without any cloud: a root file system, a network namespace, systemd-nspawn.
#
#   machine.sh boot DIRECTORY ROOTFS ADDRESS [SWITCH]
#                                              boots it with ADDRESS/24 on eth0; returns when systemd answers
#   machine.sh run DIRECTORY COMMAND...        runs a command in it
#   machine.sh stop DIRECTORY                  ends it and removes everything, DIRECTORY included
#
# DIRECTORY holds all of its state and names it; ROOTFS is only read. Machines with the same SWITCH, a word of
# at most 15 letters, reach each other. Root is needed.
set -euo pipefail

directory=$(realpath --canonicalize-missing "$2")
name=bare-$(sha256sum <<<"$directory" | cut -c1-8)

init_pid() {
    local pid
    pid=$(<"$directory/init.pid") && [[ -d /proc/$pid ]] && echo "$pid"
}

inside() {
    nsenter --target "$(init_pid)" --all env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        HOME=/root TERM=dumb "$@"
}

# An interface with a carrier but no outside: the other end of the wire lies in the same namespace, or on the
# bridge in the switch's own.
make_network() {
    ip netns add "$name"
    ip -n "$name" link set lo up
    ip -n "$name" link add eth0 type veth peer name "$name"
    ip -n "$name" address add "$1/24" dev eth0
    ip -n "$name" link set "$name" up
    ip -n "$name" link set eth0 up
    [[ -z $2 ]] || plug_into "$2"
}

plug_into() {
    echo "$1" >"$directory/switch"
    if [[ ! -e /run/netns/$1 ]]; then
        ip netns add "$1"
        ip -n "$1" link add bridge type bridge
        ip -n "$1" link set bridge up
    fi
    ip -n "$name" link set "$name" netns "$1"
    ip -n "$1" link set "$name" master bridge up
}

# The last machine takes the switch with it.
unplug() {
    local switch
    switch=$(cat "$directory/switch" 2>/dev/null) && [[ -e /run/netns/$switch ]] || return 0
    # It would go with the machine's own end of it, but only a while later.
    ip -n "$switch" link delete "$name" 2>/dev/null || true
    [[ -n $(ip -n "$switch" link show type veth) ]] || ip netns delete "$switch"
}

# own_groups: the control group of the caller and below it the machine's, one line a hierarchy.
own_groups() {
    local controllers path point
    while IFS=: read -r _ controllers path; do
        point=/sys/fs/cgroup/${controllers#name=}
        if [[ -z $controllers ]]; then
            point=/sys/fs/cgroup
            [[ ! -d $point/unified ]] || point=$point/unified
        fi
        path=${path%/}
        [[ ! -d $point$path ]] || echo "$point$path $point$path/$name"
    done </proc/self/cgroup
}

# The machine's control groups begin where nspawn is started. Two machines in the same groups would take each
# other's containers for orphans.
enter_own_groups() {
    local parent group file
    own_groups >"$directory/groups"
    while read -r parent group; do
        mkdir -p "$group"
        for file in cpuset.cpus cpuset.mems; do
            # Version 1 refuses processes in a group without processors and memory nodes.
            [[ ! -f $group/$file || ! -f $parent/cgroup.clone_children ]] || cat "$parent/$file" >"$group/$file"
        done
        echo "$BASHPID" >"$group/cgroup.procs"
    done <"$directory/groups"
}

leave_groups() {
    local group
    [[ -f $directory/groups ]] || return 0
    while read -r _ group; do
        # Groups whose processes just ended can be busy for a moment.
        until [[ ! -d $group ]] || find "$group" -depth -type d -exec rmdir {} + 2>/dev/null; do
            ((SECONDS < 20)) || { echo "left behind: $group" >&2; return 1; }
            sleep 0.1
        done
    done <"$directory/groups"
}

start_nspawn() {
    enter_own_groups
    # Writable API file systems: the kubelet sets kernel parameters.
    export SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes
    exec setsid systemd-nspawn --quiet --directory="$directory/root" --boot \
        --machine="$name" --register=no --keep-unit --console=pipe --capability=all --link-journal=no \
        --system-call-filter='@keyring bpf perf_event_open' --bind=/dev/kmsg \
        --bind="$directory/containerd:/var/lib/containerd" --bind="$directory/kubelet:/var/lib/kubelet" \
        --bind="$directory/etcd:/var/lib/etcd" --network-namespace-path="/run/netns/$name"
}

boot() {
    local rootfs=$1 address=$2 switch=$3 nspawn
    mkdir -p "$directory"/{root,upper,work,containerd,kubelet,etcd}
    mount -t overlay "$name" -o "lowerdir=$rootfs,upperdir=$directory/upper,workdir=$directory/work" "$directory/root"
    make_network "$address" "$switch"
    start_nspawn </dev/null >"$directory/console.log" 2>&1 &
    nspawn=$!
    echo "$nspawn" >"$directory/nspawn.pid"
    until pgrep --parent "$nspawn" >"$directory/init.pid" && inside systemctl is-system-running >/dev/null 2>&1 ||
        [[ $(inside systemctl is-system-running 2>/dev/null) == degraded ]]; do
        kill -0 "$nspawn" || { tail "$directory/console.log"; return 1; }
        ((SECONDS < 60)) || { echo "the machine does not answer" >&2; return 1; }
        sleep 0.1
    done
}

# The machine ends with its init; its mounts and its namespace can only go after it.
stop() {
    local pid
    if pid=$(init_pid); then
        kill -KILL "$pid"
        tail --pid="$pid" --follow=name /dev/null
    fi
    if [[ -f $directory/nspawn.pid ]]; then
        tail --pid="$(<"$directory/nspawn.pid")" --follow=name /dev/null
    fi
    leave_groups
    ! mountpoint --quiet "$directory/root" || umount "$directory/root"
    [[ ! -e /run/netns/$name ]] || ip netns delete "$name"
    unplug
    rm -rf --one-file-system "$directory"
}

case $1 in
    boot) boot "$3" "$4" "${5-}" ;;
    run) shift 2 && inside "$@" ;;
    stop) stop ;;
    *) sed -n '2,11s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
