#!/bin/bash
# What initialising and joining have in common: the configuration with this machine's own parts, and the
# checks of kubeadm that wdrip answers for itself.
# With the token in it: on the memory file system, for the time of the run.
export KUBEADM_CONFIG=$PRIVATE/kubeadm.yaml

# Errors of kubeadm's preflight that are no errors here. Everything else (one CPU, too little memory, ports that
# others hold, an unfit etcd) still ends the run.
tolerated() {
    # A second run finds the first one's work, and kubeadm takes all or a list, not both.
    if [[ -e /etc/kubernetes/kubelet.conf || -e /etc/kubernetes/admin.conf ]]; then
        echo all
        return
    fi
    local names=(
        Swap                # decided when the package was installed
        FileExisting-crictl # images are imported by ctr
        # Absent where the kernel never filters bridged traffic.
        FileContent--proc-sys-net-bridge-bridge-nf-call-iptables
        SystemVerification # reads kernel configuration files that cloud kernels may not ship
        DirAvailable--var-lib-etcd
        # It came with the secrets; joining workers are to write it themselves.
        FileAvailable--etc-kubernetes-pki-ca.crt
    )
    joined "${names[@]}"
}

# joined WORD...: with commas between.
joined() {
    local IFS=,
    echo "$*"
}

# kubeadm names the token, which a log is no place for, and closes with advice for a person at the machine.
for_the_log() {
    sed -E -e '/^(To start using your cluster|This node has joined)/,$d' -e 's/[a-z0-9]{6}\.[a-z0-9]{16}/[token]/g'
}

require_token() {
    [[ -s /etc/wdrip/bootstrap-token ]] || fail 1 "no bootstrap token on this machine; receive-secrets comes first"
}

# with_token FIELD_LINE LINES: the configuration on standard input, with the bootstrap token from this
# machine's secrets after the first line that equals FIELD_LINE. The token never stands in arguments.
with_token() {
    awk -v after="$1" -v text="$2" '
        BEGIN { getline token < "/etc/wdrip/bootstrap-token"; sub("%", token, text) }
        { print }
        $0 == after && !done { print text; done = 1 }'
}
