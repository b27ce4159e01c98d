#!/bin/bash
# Makes a member the leader, so that the one that leads can go without an election.
list_members
line=$(member 1 "$WDRIP_MEMBER_ID")
[[ -n $line && $line != *", true" ]] || fail "$NO_SUCH_MEMBER" "etcd: $WDRIP_MEMBER_ID is not a voting member"
while :; do
    leader=$(leader_status)
    [[ $(field 2 "$leader") != "$WDRIP_MEMBER_ID" ]] || break
    if [[ -n $leader ]]; then
        say "moving from $(field 2 "$leader") to $WDRIP_MEMBER_ID"
        etcd_at "$(field 1 "$leader")" move-leader "$WDRIP_MEMBER_ID" 2>&1 | tail -1 || true
    else
        say "no member says that it leads"
    fi
    ((SECONDS < WDRIP_DEADLINE)) ||
        fail "$NOT_IN_TIME" "etcd: $WDRIP_MEMBER_ID does not lead after ${WDRIP_DEADLINE}s"
    sleep 0.3
done
say "$WDRIP_MEMBER_ID leads"
