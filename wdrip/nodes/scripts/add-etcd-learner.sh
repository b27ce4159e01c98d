#!/bin/bash
# One more member, as a learner: until it is promoted it does not count for the quorum, so a machine that dies
# on the way takes nothing from the cluster.
peer=https://$WDRIP_NEW_IP:2380
list_members
known=$(member 4 "$peer")
if [[ -n $known ]]; then
    name=$(field 3 "$known")
    [[ -z $name || $name == "$WDRIP_NEW_NAME" ]] ||
        fail "$NO_SUCH_MEMBER" "etcd: $peer belongs to the member $name; remove that one first"
    say "the cluster knows this machine: $known"
else
    say "adding $peer as a learner"
    refusal=$(etcd_at "$LOCAL_ETCD" member add "$WDRIP_NEW_NAME" --learner --peer-urls="$peer" 2>&1) || say "$refusal"
    # Asked again rather than believed: the answer may be lost and the member there.
    list_members
    known=$(member 4 "$peer")
    [[ -n $known ]] || fail 1 "etcd: $peer was not added: $(tail -1 <<<"$refusal")"
fi
echo "member: $(field 1 "$known")"
