#!/bin/bash
# What this machine allows, found out by trying, and what follows for containerd and the kubelet.

# Lowering a process's OOM score, which pod sandboxes ask for, takes CAP_SYS_RESOURCE (capability 24).
may_lower_oom_score() {
    local effective
    effective=$(awk '/^CapEff:/ { print $2 }' /proc/self/status)
    (((16#$effective >> 24) & 1))
}

# systemd can keep containers' groups only where it holds the memory controller itself: version 2 with
# delegation, or version 1 with the controller's tree writable when systemd started.
systemd_manages_memory() {
    local seen
    # shellcheck disable=SC2016  # $$ is the scope's own shell
    seen=$(systemd-run --quiet --scope --unit="wdrip-probe-$$" --property=MemoryAccounting=yes \
        /bin/sh -c 'cat /proc/$$/cgroup' 2>/dev/null) || return 1
    grep -Eq "^(0::|[0-9]+:([^:]*,)?memory[^:]*:).*wdrip-probe-$$\.scope" <<<"$seen" || return 1
    # Version 2 shows the scope even where it may not hand out controllers.
    [[ $(stat --file-system --format=%T /sys/fs/cgroup) != cgroup2fs ]] ||
        grep -qw memory /sys/fs/cgroup/cgroup.subtree_control
}

# overlayfs cannot lie on overlayfs: then layers are copied.
overlay_works_in() {
    local probe works=1
    probe=$(mktemp -d "$1/probe.XXXXXX")
    mkdir "$probe"/{lower,upper,work,merged}
    if mount -t overlay overlay -o "lowerdir=$probe/lower,upperdir=$probe/upper,workdir=$probe/work" \
        "$probe/merged" 2>/dev/null; then
        umount "$probe/merged"
        works=0
    fi
    rm -rf "$probe"
    return "$works"
}

has_swap() {
    [[ $(wc -l </proc/swaps) -gt 1 ]]
}
