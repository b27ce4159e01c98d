#!/bin/bash
# A snapshot of this machine's own etcd member, checked, with what is known of it in the last line. Its parts are sent
# while it is written, as far as there are URLs for them; the bucket puts them together when it was found to be sound.
endpoint=https://$WDRIP_IP:2379
file=$SNAPSHOTS/$WDRIP_DATE/snapshot.db
growing=$SNAPSHOTS/$WDRIP_DATE/growing
marker=''
live=null
sending=()

# Left by backups that never came to their end.
find "$SNAPSHOTS" -mindepth 1 -maxdepth 1 ! -name "$WDRIP_DATE" -mmin +180 -exec rm -rf {} +
rm -rf "${SNAPSHOTS:?}/$WDRIP_DATE"
mkdir "$SNAPSHOTS/$WDRIP_DATE"

status=$(etcd_at "$endpoint" endpoint status --write-out=json) ||
    fail "$NOT_IN_TIME" "etcd: the member at $endpoint does not answer"
size=$(field dbSize <<<"$status")
needs_space $((size + size / 10))
if [[ $WDRIP_QUORUM == yes ]]; then
    # Whoever restores this snapshot looks for what was written just before it. A write may fail while etcd elects.
    wait_until 20 "etcd to take a write" etcd_at "$endpoint" put "$WDRIP_MARKER_KEY" "$WDRIP_MARKER" ||
        fail "$NOT_IN_TIME" "etcd: the member at $endpoint cannot write"
    marker=$WDRIP_MARKER
fi
say "taking a snapshot of $size bytes at most"
# etcdctl writes into this file, and gives it its name at the end.
: >"$file.part"
ln "$file.part" "$growing"
begin_sending "$file" "$growing"
etcd_at "$endpoint" snapshot save "$file" --command-timeout=3600s >/dev/null 2>"$file.log" || {
    kill "${sending[@]}" || true
    fail "$NOT_IN_TIME" "etcd: no snapshot: $(tail -1 "$file.log" | cut -c1-300)"
}

sha256_of "$file" >"$file.sha256" &
hashing=$!
own_hash_holds "$file" &
comparing=$!
facts=$(tool snapshot status "$file" --write-out=json 2>"$file.log") ||
    fail "$SNAPSHOT_CORRUPTED" "the snapshot's structure is damaged: $(tail -1 "$file.log" | cut -c1-300)"
wait "$comparing" || fail "$SNAPSHOT_CORRUPTED" "the snapshot does not have the hash that etcd gave it"
wait "$hashing"
revision=$(field revision <<<"$facts")
if [[ $WDRIP_QUORUM == yes ]]; then
    # Not when that revision was compacted away in the meantime.
    live=$(etcd_at "$endpoint" get '' --from-key --limit=1 --keys-only --rev="$revision" --write-out=json 2>/dev/null |
        field count) || live=null
fi
# What did not arrive is sent afterwards.
wait "${sending[@]}" || true
rm "$growing"
version=$(sed -n 's/.*"version":"\([0-9.]*\)".*/\1/p' <<<"$status")
tell_parts
printf 'wdrip-result {"sha256":"%s","size":%s,"revision":%s,"total_keys":%s,"live_keys":%s,"marker":"%s","etcd_version":"%s"}\n' \
    "$(<"$file.sha256")" "$(stat -c %s "$file")" "$revision" "$(field totalKey <<<"$facts")" \
    "$live" "$marker" "$version"
