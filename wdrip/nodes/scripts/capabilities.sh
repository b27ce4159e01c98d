#!/bin/bash
# What this machine allows, found out by trying, and what follows for containerd and the kubelet.

# Lowering a process's OOM score, which pod sandboxes ask for, takes CAP_SYS_RESOURCE (capability 24).
may_lower_oom_score() {
    local effective
    effective=$(awk '/^CapEff:/ { print $2 }' /proc/self/status)
    (((16#$effective >> 24) & 1))
}

# Whether systemd may keep the containers' control groups, so that pods have theirs by quality of service.
# A machine that is itself a container under version 1 sees the host's trees: its neighbours' groups may lie in
# the same ones, and a kubelet that tidies up by quality of service would end their containers as orphans.
# Version 2 gives a container its own root; there a scope must also get its controllers.
systemd_keeps_groups() {
    if [[ $(stat --file-system --format=%T /sys/fs/cgroup) != cgroup2fs ]]; then
        ! systemd-detect-virt --quiet --container
        return
    fi
    # shellcheck disable=SC2016  # the scope's shell expands it
    systemd-run --quiet --scope --property=MemoryAccounting=yes --property=CPUAccounting=yes \
        /bin/sh -c 'grep -qw memory "/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/cgroup.controllers"' 2>/dev/null
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
