#!/bin/bash
# Fetches a backup, restores and reads it, and says whether it is what the index claims.
# A bad backup is a result, not a failure: failures are of the machine or of the way.
file=$SNAPSHOTS/$WDRIP_SHA256.db
object=$file
[[ $WDRIP_ENCRYPTED == no ]] || object=$file.enc
scratch=$SNAPSHOTS/drill
etcd=''

trap '[[ -z $etcd ]] || kill -9 "$etcd" || true
    rm -rf "$scratch" "$file.enc"
    [[ $WDRIP_KEEP == yes ]] || rm -f "$file"' EXIT

# verdict OK [REASON]: the result, and the end.
verdict() {
    local reason
    # Nothing that JSON would want escaped.
    reason=$(tr -c '[:alnum:] .,:;_/()+-' ' ' <<<"${2:-}" | sed 's/ *$//' | cut -c1-500)
    [[ $1 == true ]] || rm -f "$file"
    printf 'wdrip-result {"ok":%s,"reason":"%s"}\n' "$1" "$reason"
    exit 0
}

# etcd on sockets in a folder that only root may enter: no other process of the machine can read the cluster.
scratch_etcd() (
    cd "$scratch" || exit
    ETCDCTL_API=3 etcdctl --endpoints unix://client:1 --dial-timeout=3s --command-timeout=30s "$@"
)

drill() {
    local answer
    rm -rf "$scratch"
    mkdir "$scratch"
    tool snapshot restore "$file" --name scratch --data-dir "$scratch/data" --initial-cluster-token scratch \
        --initial-cluster scratch=unix://peer:1 --initial-advertise-peer-urls unix://peer:1 \
        >"$scratch/log" 2>&1 || verdict false "it does not restore: $(tail -1 "$scratch/log")"
    (
        cd "$scratch" && exec etcd --name scratch --data-dir data --quota-backend-bytes 8589934592 \
            --listen-client-urls unix://client:1 --advertise-client-urls unix://client:1 \
            --listen-peer-urls unix://peer:1 --initial-advertise-peer-urls unix://peer:1 \
            --initial-cluster scratch=unix://peer:1 --initial-cluster-token scratch >>log 2>&1
    ) &
    etcd=$!
    wait_until 120 "the restored etcd to be healthy" scratch_etcd endpoint health ||
        verdict false "restored, it does not become healthy: $(tail -1 "$scratch/log")"
    answer=$(scratch_etcd get '' --from-key --limit=1 --keys-only --write-out=json)
    [[ $(field revision <<<"$answer") == "$WDRIP_REVISION" ]] ||
        verdict false "restored, it is at revision $(field revision <<<"$answer"), not $WDRIP_REVISION"
    [[ -z $WDRIP_LIVE_KEYS || $(field count <<<"$answer") == "$WDRIP_LIVE_KEYS" ]] ||
        verdict false "restored, it has $(field count <<<"$answer") keys, not $WDRIP_LIVE_KEYS"
    [[ $(scratch_etcd get "$WDRIP_MARKER_KEY" --print-value-only) == "$WDRIP_MARKER" || -z $WDRIP_MARKER ]] ||
        verdict false "restored, it lacks the marker that was written before it was taken"
    scratch_etcd get /registry/ --prefix --limit=500 >/dev/null || verdict false "restored, it cannot be read"
}

rm -f "$SNAPSHOTS"/*.db "$SNAPSHOTS"/*.db.enc
needs_space $((WDRIP_SIZE * 3 + 134217728))
say "fetching $WDRIP_OBJECT_SIZE bytes"
download "$object"
# curl leaves no file where the object is empty.
size=$(stat -c %s "$object" 2>/dev/null || echo 0)
[[ $size == "$WDRIP_OBJECT_SIZE" ]] || verdict false "it has $size bytes, not $WDRIP_OBJECT_SIZE"
has_sha256 "$object" "$WDRIP_OBJECT_SHA256" || verdict false "its sha256 is not the one of the index"
[[ $WDRIP_ENCRYPTED == no ]] || decrypt "$object" "$file"
own_hash_holds "$file" || verdict false "it does not have the hash that etcd gave it"
facts=$(tool snapshot status "$file" --write-out=json 2>&1) || verdict false "its structure is damaged: $facts"
[[ $(field revision <<<"$facts") == "$WDRIP_REVISION" ]] ||
    verdict false "it is at revision $(field revision <<<"$facts"), not $WDRIP_REVISION"
drill
verdict true
