#!/bin/bash
# The members and how each of them is, as JSON between two marks. Each is asked by itself, for a short time and
# all at once: dead ones make it no slower than that.
SECONDS_EACH=3

# Newer versions ask the quorum for the list unless told not to; older ones know no other way, and no such flag.
read_members() {
    local endpoint consistency
    for endpoint in ${WDRIP_ENDPOINTS//,/ }; do
        for consistency in --consistency=s ''; do
            listed=$(etcd_at "$endpoint" --command-timeout="${SECONDS_EACH}s" member list --write-out=json \
                ${consistency:+"$consistency"} 2>/dev/null) && [[ $listed == '{'* ]] && return
        done
    done
    listed=null
}

# ask URL FILE: a learner does not know of the quorum's health; nothing that answers no status needs another look.
ask() {
    local status health=false
    status=$(etcd_at "$1" --command-timeout="${SECONDS_EACH}s" endpoint status --write-out=json 2>/dev/null) &&
        [[ $status == '[{'* ]] || status='[]'
    [[ $status == '[]' || $status == *'"isLearner":true'* ]] ||
        ! etcd_at "$1" --command-timeout="${SECONDS_EACH}s" endpoint health >/dev/null 2>&1 || health=true
    printf '{"url": "%s", "health": %s, "status": %s}' "$1" "$health" "$status" >"$2"
}

read_members
mapfile -t urls < <({ grep -o '"clientURLs":\["[^"]*' <<<"$listed" || true; } | cut -d'"' -f4)
for index in "${!urls[@]}"; do
    ask "${urls[index]}" "$PRIVATE/$index" &
done
wait
echo "-----BEGIN ETCD MEMBERS-----"
printf '{"members": %s, "endpoints": [' "$listed"
separator=
for index in "${!urls[@]}"; do
    printf '%s%s' "$separator" "$(<"$PRIVATE/$index")"
    separator=,
done
echo ']}'
echo "-----END ETCD MEMBERS-----"
