#!/bin/bash
# Some parts of a multipart upload: WDRIP_PARTS has number:offset:bytes of each, its URL is in a file of its own.
for part in $WDRIP_PARTS; do
    IFS=: read -r number offset bytes <<<"$part"
    piece=$TAKEN.part
    needs_space "$bytes"
    dd if="$TAKEN" of="$piece" bs=1M iflag=skip_bytes,count_bytes skip="$offset" count="$bytes" status=none
    [[ $(stat -c %s "$piece") == "$bytes" ]] ||
        fail "$SNAPSHOT_CORRUPTED" "the snapshot ends before part $number does"
    say "uploading part $number, $bytes bytes"
    upload "$piece" "$PRIVATE/part-$number"
    rm -f "$piece"
done
say "uploaded"
