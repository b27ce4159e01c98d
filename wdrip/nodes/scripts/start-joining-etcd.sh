#!/bin/bash
# This machine's etcd, as the member that the cluster has been told of. It only reads the membership.
MEMBER_DATA_LOST=68
peer=https://$WDRIP_IP:2380
data=/var/lib/etcd/member-data
mark=/var/lib/etcd/member-id

member_line() {
    etcd_at "$WDRIP_ENDPOINTS" member list | grep "^$WDRIP_MEMBER_ID, "
}

# Its own name is not in the list before it has started.
initial_cluster() {
    etcd_at "$WDRIP_ENDPOINTS" member list |
        awk -F', ' -v peer="$peer" -v name="$WDRIP_MEMBER_NAME" '{ printf "%s%s=%s", (NR > 1 ? "," : ""), ($4 == peer ? name : $3), $4 }'
}

has_its_data() {
    [[ -d $data && $(cat "$mark" 2>/dev/null) == "$WDRIP_MEMBER_ID" && -e /etc/etcd/etcd.env ]]
}

wait_until 60 "the etcd cluster to know the member $WDRIP_MEMBER_ID" member_line ||
    fail "$NOT_IN_TIME" "etcd: the cluster at $WDRIP_ENDPOINTS does not answer, or has no member $WDRIP_MEMBER_ID"
if has_its_data; then
    say "this machine has the member's data"
    systemctl enable --quiet etcd
    systemctl start --no-block etcd
else
    # A member that has voted must not come back without its memory: it could vote twice.
    [[ $(member_line) == *", unstarted, "* ]] ||
        fail "$MEMBER_DATA_LOST" "etcd: the member $WDRIP_MEMBER_ID has run, but its data is not here; remove it and add it anew"
    # What an earlier membership left would be refused by the cluster.
    systemctl stop etcd 2>/dev/null || true
    rm -rf "$data" /etc/etcd/has-run
    mkdir -p /var/lib/etcd
    echo "$WDRIP_MEMBER_ID" | write_file "$mark" 600 >/dev/null
    start_etcd existing "$(initial_cluster)"
fi
wait_until 120 "the member to answer" etcd_at "https://$WDRIP_IP:2379" endpoint status ||
    give_up_on_etcd "the new member does not answer"
etcd_at "$WDRIP_ENDPOINTS" member list
