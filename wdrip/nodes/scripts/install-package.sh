#!/bin/bash
# Fetches the software package, verifies it, installs it, starts containerd and imports the images.
PACKAGE_CORRUPTED=65
store=/var/lib/wdrip/package
archive=$store/$WDRIP_SHA256.tar.gz
files=$store/$WDRIP_SHA256

fetch_package() {
    local continued=no
    mkdir -p "$store"
    if has_sha256 "$archive" "$WDRIP_SHA256"; then
        say "the package is here already"
        return
    fi
    [[ ! -s $archive ]] || continued=yes
    say "fetching the package with Kubernetes $WDRIP_VERSION"
    until download "$archive" && has_sha256 "$archive" "$WDRIP_SHA256"; do
        rm -f "$archive"
        [[ $continued == yes ]] ||
            fail "$PACKAGE_CORRUPTED" "package corrupted: its sha256 is not $WDRIP_SHA256; upload it again"
        say "what was begun before does not fit; fetching it whole"
        continued=no
    done
    say "fetched and verified: $(stat --format=%s "$archive") bytes"
}

# place DIRECTORY TARGET: running programs keep their old file (a new one takes its name).
place() {
    local file
    [[ -d $files/$1 ]] || return 0
    mkdir -p "$2"
    for file in "$files/$1"/*; do
        cp --link --remove-destination "$file" "$2/" 2>/dev/null || cp --remove-destination "$file" "$2/"
    done
    say "$1: $(find "$files/$1" -mindepth 1 -maxdepth 1 | wc -l) files are in $2"
}

unpack_package() {
    local left_out=()
    [[ -n $WDRIP_CONTROL_PLANE ]] ||
        left_out=(--exclude=images/kube-{apiserver,controller-manager,scheduler}.tar)
    rm -rf "$files"
    mkdir -p "$files"
    tar --extract --gzip --file "$archive" --directory "$files" --no-same-owner "${left_out[@]}"
    place bin /usr/local/bin
    place sbin /usr/local/sbin
    place cni /opt/cni/bin
}

# The kubelet's flags that follow from this machine alone; cluster-wide settings come from kubeadm.
write_kubelet_flags() {
    local flags=()
    if [[ $1 == systemd ]]; then
        flags+=(--cgroup-driver=systemd)
    else
        # Without systemd's groups there is no delegated root below which quality-of-service groups could be.
        flags+=(--cgroup-driver=cgroupfs --cgroups-per-qos=false --enforce-node-allocatable=)
    fi
    if has_swap; then
        # Turning swap off is the machine owner's decision (and on shared hosts not the machine's own).
        say "note: this machine swaps; the kubelet is told to bear it, memory limits are less exact"
        flags+=(--fail-swap-on=false)
    fi
    echo "KUBELET_EXTRA_ARGS=${flags[*]}" | write_file /etc/wdrip/kubelet.env 644 >/dev/null
}

# The sandbox image in the package, as the cluster's repository names it.
sandbox_image() {
    local name
    name=$(tar --extract --to-stdout --file "$(echo "$files"/images/pause*.tar)" manifest.json |
        grep -o 'wdrip\.local/pause:[^"]*')
    echo "$WDRIP_IMAGE_REPOSITORY/${name#wdrip.local/}"
}

write_containerd_config() {
    local snapshotter=overlayfs restrict_oom=false systemd_groups=false
    [[ $1 == cgroupfs ]] || systemd_groups=true
    mkdir -p /var/lib/containerd
    overlay_works_in /var/lib/containerd || {
        snapshotter=native
        say "note: no overlay file system on /var/lib/containerd; images are copied, which is slower" >&2
    }
    may_lower_oom_score || {
        restrict_oom=true
        say "note: no CAP_SYS_RESOURCE; containers keep the OOM scores that they may have" >&2
    }
    write_file /etc/containerd/config.toml 644 <<TOML
version = 2
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "$(sandbox_image)"
restrict_oom_score_adj = $restrict_oom
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/opt/cni/bin"
conf_dir = "/etc/cni/net.d"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "$snapshotter"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = $systemd_groups
TOML
}

# Prints "changed" for each file that is new or other than before.
write_units() {
    write_file /usr/local/lib/wdrip/prepare-host 755 <<<"$WDRIP_PREPARE_HOST"
    write_file /etc/systemd/system/containerd.service 644 <<<"$WDRIP_CONTAINERD_UNIT"
    write_file /etc/systemd/system/kubelet.service 644 <<<"$WDRIP_KUBELET_UNIT"
    write_file /etc/systemd/system/etcd.service 644 <<<"$WDRIP_ETCD_UNIT"
    if may_lower_oom_score; then
        # Raising these limits takes the same capability; without it systemd would refuse to start the unit.
        printf '[Service]\nOOMScoreAdjust=-999\nLimitNOFILE=1048576\n' |
            write_file /etc/systemd/system/containerd.service.d/limits.conf 644
    fi
}

start_containerd() {
    local driver=cgroupfs changed
    /usr/local/lib/wdrip/prepare-host
    systemd_keeps_groups && driver=systemd
    say "control groups: $(stat --file-system --format=%T /sys/fs/cgroup), driver $driver"
    write_kubelet_flags "$driver"
    changed=$(write_containerd_config "$driver")
    systemctl enable --quiet containerd kubelet
    [[ -z $changed ]] || systemctl stop containerd
    systemctl start --no-block containerd
    wait_until 60 "containerd" ctr version || {
        tail_unit containerd 40
        fail "$NOT_IN_TIME" "containerd does not answer"
    }
}

import_images() {
    local name
    say "importing the container images"
    printf '%s\n' "$files"/images/*.tar | xargs --max-procs=2 --max-args=1 ctr --namespace k8s.io images import
    while IFS= read -r name; do
        ctr --namespace k8s.io images tag --force "$name" "$WDRIP_IMAGE_REPOSITORY/${name#wdrip.local/}"
    done < <(ctr --namespace k8s.io images list --quiet | grep '^wdrip\.local/')
}

fetch_package
unpack_package
write_units >/dev/null
systemctl daemon-reload
start_containerd
import_images
# The images live in containerd now.
rm -rf "$files/images" "$archive"
say "installed: $(kubelet --version), containerd $(containerd --version | cut -d' ' -f3), etcd $(etcd --version | sed -n 's/^etcd Version: //p')"
