#!/bin/bash
# Run before containerd at every boot: what containers need from this machine's kernel. Each line is tried and
# noted; a kernel that has a module built in has no module file to load, and that is fine.
set -uo pipefail

for module in overlay br_netfilter nf_conntrack ip_vs ip_vs_rr ip_vs_wrr ip_vs_sh; do
    modprobe --quiet "$module" 2>/dev/null || true
done

# A machine that is itself a container may see its control groups read-only; runc must make groups in them.
while read -r _ point type options _; do
    case $type:$options in
        cgroup:ro,* | cgroup2:ro,* | tmpfs:ro,*)
            [[ $point == /sys/fs/cgroup* ]] || continue
            mount -o remount,rw "$point" && echo "control groups at $point: remounted read-write"
            ;;
    esac
done < <(sort -k2,2 /proc/mounts)

# Each on its own: one that this kernel lacks must not keep the others from being set.
for setting in net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables net.bridge.bridge-nf-call-ip6tables; do
    file=/proc/sys/${setting//.//}
    if [[ ! -e $file ]]; then
        echo "$setting: this kernel has no such setting"
    elif [[ $(<"$file") != 1 ]]; then
        echo 1 >"$file" || echo "$setting: could not be set"
    fi
done
exit 0
