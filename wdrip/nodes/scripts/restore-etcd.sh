#!/bin/bash
# etcd as a new cluster of one, from a snapshot. Data that are there and come from elsewhere are never touched.
DATA_IN_THE_WAY=77
data=/var/lib/etcd/member-data
origin=/var/lib/etcd/restored-from
file=$SNAPSHOTS/$WDRIP_SHA256.db
endpoint=https://$WDRIP_IP:2379
wanted="$WDRIP_SHA256 $WDRIP_CLUSTER_TOKEN"

restore() {
    local bump=() object=$file
    if ! has_sha256 "$file" "$WDRIP_SHA256"; then
        [[ $WDRIP_ENCRYPTED == no ]] || object=$file.enc
        rm -f "$file" "$object"
        needs_space $((WDRIP_SIZE * 2 + 134217728))
        say "fetching $WDRIP_OBJECT_SIZE bytes"
        download "$object"
        has_sha256 "$object" "$WDRIP_OBJECT_SHA256" || {
            rm -f "$object"
            fail "$SNAPSHOT_CORRUPTED" "the snapshot's sha256 is not the one of the index"
        }
        [[ $WDRIP_ENCRYPTED == no ]] || decrypt "$object" "$file"
    fi
    # So that no watcher that saw a later state waits in silence for it to come back.
    if tool snapshot restore --help 2>&1 | grep -q -e --bump-revision; then
        bump=(--bump-revision "$WDRIP_BUMP" --mark-compacted)
    fi
    rm -rf "$data.restoring"
    mkdir -p "$(dirname "$data")"
    tool snapshot restore "$file" "${bump[@]}" --name "$WDRIP_MEMBER_NAME" --data-dir "$data.restoring" \
        --initial-cluster "$WDRIP_MEMBER_NAME=https://$WDRIP_IP:2380" \
        --initial-cluster-token "$WDRIP_CLUSTER_TOKEN" \
        --initial-advertise-peer-urls "https://$WDRIP_IP:2380" >"$data.log" 2>&1 ||
        fail "$SNAPSHOT_CORRUPTED" "the snapshot does not restore: $(tail -1 "$data.log" | cut -c1-300)"
    printf '%s\n%s\n' "$wanted" "${#bump[@]}" >"$origin"
    mv "$data.restoring" "$data"
    rm -f "$file"
}

if [[ -d $data ]]; then
    [[ -f $origin && $(head -1 "$origin") == "$wanted" ]] ||
        fail "$DATA_IN_THE_WAY" "this machine has etcd data of its own under $data; they stay as they are"
    say "the snapshot was restored here before"
else
    restore
fi
bumped=false
[[ $(tail -1 "$origin") == 0 ]] || bumped=true
start_etcd new "$WDRIP_MEMBER_NAME=https://$WDRIP_IP:2380"
wait_until 90 "the restored etcd to be healthy" etcd_at "$endpoint" endpoint health ||
    give_up_on_etcd "the restored member did not become healthy"
answer=$(etcd_at "$endpoint" get '' --from-key --limit=1 --keys-only --write-out=json)
revision=$(field revision <<<"$answer")
((revision >= WDRIP_REVISION)) ||
    fail "$SNAPSHOT_CORRUPTED" "the restored etcd is at revision $revision, before $WDRIP_REVISION"
marker=$(etcd_at "$endpoint" get "$WDRIP_MARKER_KEY" --print-value-only)
[[ -z $WDRIP_MARKER || $marker == "$WDRIP_MARKER" ]] ||
    fail "$SNAPSHOT_CORRUPTED" "the restored etcd lacks the marker that was written before the backup was taken"
# Before anybody reads them: their holders are gone, and the new ones need not wait for them to run out.
for lease in kube-controller-manager kube-scheduler; do
    etcd_at "$endpoint" del "/registry/leases/kube-system/$lease" >/dev/null
done
printf 'wdrip-result {"revision":%s,"live_keys":%s,"bumped":%s}\n' "$revision" "$(field count <<<"$answer")" "$bumped"
