#!/bin/bash
# Snapshot files: where they lie on a machine, and what can be learnt of one.
SNAPSHOT_CORRUPTED=67
NO_SPACE=73
UPLOAD_FAILED=74
WRONG_KEY=78
BACKUP_KEY=/etc/wdrip/backup.key

export SNAPSHOT_CORRUPTED NO_SPACE UPLOAD_FAILED WRONG_KEY SNAPSHOTS=/var/lib/wdrip/snapshots

# A snapshot holds every secret of the cluster.
umask 077
mkdir -p "$SNAPSHOTS"

# field NAME: the number of that name in the line of JSON on standard input; fails when there is none.
field() {
    sed -n "s/.*\"$1\":\([0-9][0-9]*\).*/\1/p" | grep .
}

# needs_space BYTES: refuses to fill the disk that etcd writes to.
needs_space() {
    local free
    free=$(df --output=avail --block-size=1 "$SNAPSHOTS" | tail -1)
    ((free > $1)) || fail "$NO_SPACE" "no space: $1 bytes are needed under $SNAPSHOTS and $((free)) are free"
}

# tool ARGUMENTS...: `snapshot status|restore` of the program that this version of etcd has for it.
tool() {
    if command -v etcdutl >/dev/null; then
        etcdutl "$@"
    else
        ETCDCTL_API=3 etcdctl "$@"
    fi
}

# own_hash_holds FILE: etcd ends a snapshot with the sha256 of all that stands before.
own_hash_holds() {
    [[ $(head -c -32 "$1" | sha256_of) == "$(tail -c 32 "$1" | od -An -v -tx1 | tr -d ' \n')" ]]
}

# cipher -e|-d FROM TO: with the cluster's own key for backups, which its masters have. It is 256 random bits, so
# nothing is gained by deriving slowly, and every openssl can do it this way.
cipher() {
    [[ -s $BACKUP_KEY ]] || fail "$WRONG_KEY" "this machine has no key for backups; a master has one"
    openssl enc "$1" -aes-256-cbc -md sha256 -pass "file:$BACKUP_KEY" -in "$2" -out "$3" 2>"$3.log"
}

# decrypt FROM TO: FROM has been compared with the index before, so what does not come out right has another key.
decrypt() {
    if ! cipher -d "$1" "$2" || ! has_sha256 "$2" "$WDRIP_SHA256"; then
        rm -f "$1" "$2" "$2.log"
        fail "$WRONG_KEY" "the backup is whole, but was encrypted with another key than this machine's"
    fi
    rm -f "$1" "$2.log"
}
