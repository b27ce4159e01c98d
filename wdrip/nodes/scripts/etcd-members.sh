#!/bin/bash
# What changing etcd's membership has in common. It runs on a machine that is a healthy member itself.
# shellcheck disable=SC2034  # for the scripts that this one is put before
NO_SUCH_MEMBER=67

# The members, one a line: id, status, name, peer URL, client URL, whether a learner.
members() {
    etcd_at "$LOCAL_ETCD" member list
}

# member FIELD VALUE: the lines of $listed whose field (a number, from 1) is VALUE.
member() {
    awk -F', ' -v field="$1" -v value="$2" '$field == value' <<<"$listed"
}

# Reads the members into $listed.
list_members() {
    local attempt
    for attempt in 1 2 3 4 5; do
        listed=$(members) && return
        say "etcd on this machine did not list its members (attempt $attempt)"
        sleep 1
    done
    give_up_on_etcd "the member on this machine does not answer"
}

# field N LINE
field() {
    cut -d, -f"$1" <<<"$2" | tr -d ' '
}

# status_of CLIENT_URL: endpoint, id, version, size, is leader, is learner, term, index, applied index, errors.
status_of() {
    etcd_at "$1" --command-timeout=2s endpoint status 2>/dev/null
}

# The status line of the leader; empty while there is none that answers.
leader_status() {
    local line status
    while IFS= read -r line; do
        status=$(status_of "$(field 5 "$line")") || continue
        [[ $(field 5 "$status") != true ]] || echo "$status"
    done < <(member 6 false | awk '/, started, /') | head -1
}
