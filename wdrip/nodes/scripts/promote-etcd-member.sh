#!/bin/bash
# Gives a learner its vote, once it has caught up and while it is alive: etcd's own check remembers that a
# learner had caught up, and would promote one that has died since. As the second member that would end the
# quorum.
seen=
while :; do
    list_members
    line=$(member 1 "$WDRIP_MEMBER_ID")
    [[ -n $line ]] || fail "$NO_SUCH_MEMBER" "etcd: there is no member $WDRIP_MEMBER_ID"
    url=$(field 5 "$line")
    [[ $line == *", true" ]] || break
    if [[ $line == *", unstarted, "* ]]; then
        now="the learner has not started yet"
    elif ! status=$(status_of "$url"); then
        now="the learner at $url does not answer"
    elif answer=$(etcd_at "$LOCAL_ETCD" member promote "$WDRIP_MEMBER_ID" 2>&1); then
        continue
    else
        leader=$(leader_status)
        now="the learner has entry $(field 8 "$status") of $(field 8 "$leader"): ${answer##*: }"
    fi
    [[ $now == "$seen" ]] || say "$now"
    seen=$now
    ((SECONDS < WDRIP_DEADLINE)) || fail "$NOT_IN_TIME" "etcd: not promoted after ${WDRIP_DEADLINE}s: $now"
    sleep 0.3
done
wait_until 30 "the new voter to be healthy" etcd_at "$url" endpoint health ||
    fail "$NOT_IN_TIME" "etcd: $url was promoted and is not healthy"
members
