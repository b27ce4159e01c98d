#!/bin/bash
# One more etcd member, entering as a learner: until it is promoted it does not count for the quorum, so a
# machine that dies on the way takes nothing from the cluster.
peer=https://$WDRIP_IP:2380

# Line of this machine in the member list: id, status, name, peer URLs, client URLs, is learner.
own_line() {
    etcd_at "$WDRIP_ENDPOINTS" member list | grep --fixed-strings ", $peer, " || true
}

initial_cluster() {
    etcd_at "$WDRIP_ENDPOINTS" member list |
        awk -F', ' -v peer="$peer" -v name="$WDRIP_MEMBER_NAME" '{ printf "%s%s=%s", (NR > 1 ? "," : ""), ($4 == peer ? name : $3), $4 }'
}

promote() {
    [[ $(own_line) == *", false" ]] || etcd_at "$WDRIP_ENDPOINTS" member promote "$(own_line | cut -d, -f1)"
}

wait_until 60 "the etcd cluster to answer" etcd_at "$WDRIP_ENDPOINTS" member list ||
    fail "$NOT_IN_TIME" "etcd: the cluster at $WDRIP_ENDPOINTS does not answer"
if [[ -z $(own_line) ]]; then
    say "adding $peer as a learner"
    # What an earlier membership left would be refused by the cluster.
    systemctl stop etcd 2>/dev/null || true
    rm -rf /var/lib/etcd/member-data
    etcd_at "$WDRIP_ENDPOINTS" member add "$WDRIP_MEMBER_NAME" --learner --peer-urls="$peer" >/dev/null
else
    say "the cluster knows this machine: $(own_line)"
fi
start_etcd existing "$(initial_cluster)"
# The leader refuses to promote a learner that has less than 90 % of its log.
wait_until 300 "the learner to catch up and be promoted" promote ||
    give_up_on_etcd "the learner was not promoted: $(etcd_at "$WDRIP_ENDPOINTS" member list 2>&1 | tail -5)"
wait_until 60 "the new member to be healthy" etcd_at "https://$WDRIP_IP:2379" endpoint health ||
    give_up_on_etcd "the new member is not healthy"
etcd_at "$WDRIP_ENDPOINTS" member list
