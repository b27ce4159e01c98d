#!/bin/bash
# Takes a member out. etcd itself refuses when too few of the rest would be started or connected.
list_members
if [[ -z $(member 1 "$WDRIP_MEMBER_ID") ]]; then
    say "there is no member $WDRIP_MEMBER_ID: nothing to remove"
else
    status=$(status_of "$LOCAL_ETCD") || true
    [[ $(field 2 "$status") != "$WDRIP_MEMBER_ID" ]] ||
        fail 1 "etcd: $WDRIP_MEMBER_ID is the member on this machine; remove it from another one"
    say "removing $(member 1 "$WDRIP_MEMBER_ID")"
    refusal=$(etcd_at "$LOCAL_ETCD" member remove "$WDRIP_MEMBER_ID" 2>&1) || say "$refusal"
    list_members
    [[ -z $(member 1 "$WDRIP_MEMBER_ID") ]] ||
        fail 1 "etcd: $WDRIP_MEMBER_ID was not removed: $(tail -1 <<<"$refusal")"
fi
wait_until 30 "etcd to be healthy without it" etcd_at "$LOCAL_ETCD" endpoint health ||
    give_up_on_etcd "not healthy after the removal"
members
