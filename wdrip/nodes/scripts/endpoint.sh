#!/bin/bash
# The API server's name resolves through this machine's own hosts file: no name server is needed to boot, and
# a master reaches itself (a layer-4 load balancer does not carry a backend's traffic back to that backend).

# resolve_endpoint NAME ADDRESS
resolve_endpoint() {
    if [[ -d /etc/cloud/cloud.cfg.d ]]; then
        # cloud-init would write the hosts file anew at the next boot.
        echo 'manage_etc_hosts: false' | write_file /etc/cloud/cloud.cfg.d/99-wdrip.cfg 644 >/dev/null
    fi
    touch /etc/hosts
    {
        awk -v name="$1" '{ for (i = 2; i <= NF; i++) if ($i == name) next; print }' /etc/hosts
        echo "$2 $1"
    } | write_file /etc/hosts 644 >/dev/null
    say "$1 is $2"
}
