#!/bin/bash
# Keeps this node's part of the pod network as the cluster's Nodes say, for as long as the machine runs:
# the CNI configuration from the Node's own podCIDR, a VXLAN device, and for every other node the way to it.
# Nothing is agreed upon between nodes: a node's VXLAN hardware address follows from its IP address.
# The unit's environment: WDRIP_NODE_NAME, WDRIP_POD_CIDR.
set -uo pipefail
export LC_ALL=C HOME=/root KUBECONFIG=/etc/kubernetes/kubelet.conf

DEVICE=wdrip0
VXLAN_ID=1
PORT=4789          # VXLAN's own (RFC 7348)
OVERHEAD=50        # bytes of IPv4, UDP, VXLAN and Ethernet headers around each packet
RELIST_SECONDS=600 # a watch should miss nothing; this is for when it did
KNOWN=/var/lib/wdrip/pod-network.nodes
CNI_FILE=/etc/cni/net.d/10-wdrip.conflist

# Node name -> "IP RANGE".
declare -A nodes=()

say() {
    echo "$*"
}

hardware_address() {
    # shellcheck disable=SC2046,SC2086  # four numbers
    printf '02:77:%02x:%02x:%02x:%02x' ${1//./ }
}

# first_address RANGE: the bridge's, which the VXLAN device has too: what the node itself sends to pods
# elsewhere needs an address that their nodes know the way back to.
first_address() {
    local base=${1%/*}
    echo "${base%.*}.$((${base##*.} + 1))"
}

# mtu_of IP: what fits into one packet of the interface with that address, once wrapped.
mtu_of() {
    local interface
    interface=$(ip -o -4 address show | awk -v ip="$1" '{ split($4, a, "/") } a[1] == ip { print $2; exit }')
    [[ -n $interface ]] && echo $(($(<"/sys/class/net/$interface/mtu") - OVERHEAD))
}

# write_network RANGE MTU
write_network() {
    [[ $(cat "$CNI_FILE" 2>/dev/null) != *"\"mtu\": $2,"*"\"$1\""* ]] || return 0
    # A node that was registered anew may have another range; the plug-in would refuse the bridge as it is.
    [[ ! -e $CNI_FILE ]] || ip address flush dev cni0 2>/dev/null
    mkdir -p "${CNI_FILE%/*}"
    cat >"$CNI_FILE.new" <<JSON
{
  "cniVersion": "0.3.1",
  "name": "wdrip",
  "plugins": [
    {
      "type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true, "mtu": $2,
      "ipam": {"type": "host-local", "ranges": [[{"subnet": "$1"}]], "routes": [{"dst": "0.0.0.0/0"}]}
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
JSON
    mv -f "$CNI_FILE.new" "$CNI_FILE"
    say "pods of this node get addresses from $1, packets up to $2 bytes"
}

# ensure_device IP RANGE MTU
ensure_device() {
    local wanted=" $VXLAN_ID local $1 "
    if [[ $(ip -d link show "$DEVICE" 2>/dev/null) != *"vxlan id$wanted"*"dstport $PORT"* ]]; then
        ip link delete "$DEVICE" 2>/dev/null
        ip link add "$DEVICE" address "$(hardware_address "$1")" type vxlan id "$VXLAN_ID" local "$1" \
            dstport "$PORT" nolearning || return 1
    fi
    ip link set "$DEVICE" mtu "$3" up
    ip address replace "$(first_address "$2")/32" dev "$DEVICE"
    ip -o -4 address show dev "$DEVICE" | awk -v own="$(first_address "$2")/32" '$4 != own { print $4 }' |
        while read -r other; do ip address delete "$other" dev "$DEVICE"; done
}

# ensure_rule TABLE CHAIN RULE...
ensure_rule() {
    local table=$1 chain=$2
    shift 2
    iptables -w -t "$table" -C "$chain" "$@" -m comment --comment wdrip-pod-network 2>/dev/null ||
        iptables -w -t "$table" -A "$chain" "$@" -m comment --comment wdrip-pod-network
}

ensure_rules() {
    # Pods leave the cluster under their node's address, and reach each other under their own.
    ensure_rule nat POSTROUTING -s "$1" ! -d "$WDRIP_POD_CIDR" -j MASQUERADE
    ensure_rule filter FORWARD -s "$WDRIP_POD_CIDR" -j ACCEPT
    ensure_rule filter FORWARD -d "$WDRIP_POD_CIDR" -j ACCEPT
}

# The others' ways, as lines "IP RANGE HARDWARE-ADDRESS".
peers() {
    local name
    for name in "${!nodes[@]}"; do
        [[ $name == "$WDRIP_NODE_NAME" ]] || echo "${nodes[$name]} $(hardware_address "${nodes[$name]% *}")"
    done
}

# stale COLUMN WANTED: lines of standard input whose first word is in no line's COLUMN of WANTED.
stale() {
    awk -v column="$1" 'NR == FNR { wanted[$column]; next } !($1 in wanted)' <(echo "$2") -
}

# What is wanted is there before what is not goes.
connect() {
    local wanted
    wanted=$(peers)
    awk -v d="$DEVICE" 'NF { print "fdb replace " $3 " dev " d " dst " $1 " self permanent" }' <<<"$wanted" |
        bridge -batch -
    awk -v d="$DEVICE" 'NF { print "neighbour replace " $1 " lladdr " $3 " dev " d " nud permanent"
        print "route replace " $2 " via " $1 " dev " d " onlink" }' <<<"$wanted" | ip -batch -
    ip -4 route show dev "$DEVICE" | grep ' via ' | stale 2 "$wanted" |
        awk -v d="$DEVICE" '{ print "route delete " $1 " dev " d }' | ip -batch -
    ip -4 neighbour show dev "$DEVICE" nud permanent | stale 1 "$wanted" |
        awk -v d="$DEVICE" '{ print "neighbour delete " $1 " dev " d }' | ip -batch -
    bridge fdb show dev "$DEVICE" | grep ' dst ' | stale 3 "$wanted" |
        awk -v d="$DEVICE" '{ print "fdb delete " $1 " dev " d }' | bridge -batch -
}

# Makes this machine as `nodes` says.
program() {
    local ip range mtu
    read -r ip range <<<"${nodes[$WDRIP_NODE_NAME]-}"
    [[ -n $range ]] || return 0
    mtu=$(mtu_of "$ip") || { say "no interface has this node's address $ip"; return 0; }
    write_network "$range" "$mtu"
    ensure_device "$ip" "$range" "$mtu" || { say "the VXLAN device cannot be made"; return 0; }
    ensure_rules "$range"
    connect
}

# take NAME IP RANGE: fails when that was known.
take() {
    local entry="${2%%,*} $3"
    [[ $2 =~ ^[0-9.,]+$ && $3 =~ ^[0-9.]+/[0-9]+$ && ${nodes[$1]-} != "$entry" ]] || return 1
    nodes[$1]=$entry
    say "node $1: $entry"
}

drop() {
    [[ $1 != "$WDRIP_NODE_NAME" && -n ${nodes[$1]-} ]] || return 1
    unset "nodes[$1]"
    say "node $1 is gone"
}

# columns [PREFIX]: what is read of a Node; in a watch's lines it lies below `.object`.
columns() {
    echo "NAME:${1-}.metadata.name,IP:${1-}.status.addresses[?(@.type==\"InternalIP\")].address,RANGE:${1-}.spec.podCIDR"
}

# kubectl_nodes COLUMNS OPTION...: never to be followed by anything in a subshell of its own, which it becomes.
kubectl_nodes() {
    exec kubectl get nodes --no-headers --output "custom-columns=$1" "${@:2}"
}

# All Nodes as they are now. An answer that lacks this very node is not believed.
list() {
    local table name ip range
    table=$(kubectl_nodes "$(columns)" --request-timeout=20s) && grep -q "^$WDRIP_NODE_NAME " <<<"$table" || return 1
    while read -r name ip range; do take "$name" "$ip" "$range"; done <<<"$table"
    for name in "${!nodes[@]}"; do grep -q "^$name " <<<"$table" || drop "$name"; done
    return 0
}

# After a reboot the other nodes are known before the API server answers.
remember() {
    local name
    for name in "${!nodes[@]}"; do echo "$name ${nodes[$name]}"; done >"$KNOWN.new" && mv -f "$KNOWN.new" "$KNOWN"
}

recall() {
    local name ip range
    [[ -f $KNOWN ]] || return 0
    while read -r name ip range; do take "$name" "$ip" "$range"; done <"$KNOWN"
}

# Follows changes until the watch ends. Nodes that came between the list and the watch are listed soon after.
follow() {
    local event name ip range code next=$((SECONDS + 5)) events
    exec {events}< <(kubectl_nodes "EVENT:.type,$(columns .object)" --watch-only --output-watch-events)
    local watcher=$!
    while :; do
        code=0
        read -r -t 5 -u "$events" event name ip range || code=$?
        if ((code > 128)); then
            if ((SECONDS >= next)) && list; then
                remember
                next=$((SECONDS + RELIST_SECONDS))
            fi
        elif ((code > 0)); then
            break
        elif [[ $event == DELETED ]]; then
            drop "$name" || continue
        else
            take "$name" "$ip" "$range" || continue
        fi
        program
        ((code > 0)) || remember
    done
    exec {events}<&-
    kill "$watcher" 2>/dev/null
}

mkdir -p "${KNOWN%/*}"
recall
program
# The machine may still be joining.
until [[ -e $KUBECONFIG ]]; do sleep 0.5; done
while :; do
    if list; then
        program
        remember
        follow
    fi
    sleep 2
done
