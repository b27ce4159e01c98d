#!/bin/bash
# Parts of a snapshot that have not arrived yet.
file=$SNAPSHOTS/$WDRIP_DATE/$WDRIP_FILE
[[ -s $file ]] || fail "$SNAPSHOT_CORRUPTED" "this machine has no snapshot $WDRIP_DATE any more; take another"
size=$(stat -c %s "$file")
((size == WDRIP_SIZE)) || fail "$SNAPSHOT_CORRUPTED" "the snapshot has $size bytes, not $WDRIP_SIZE"
sending=()
code=0
begin_sending "$file" "$file"
for each in "${sending[@]}"; do
    wait "$each" || code=$?
done
((code == 0)) || exit "$code"
tell_parts
