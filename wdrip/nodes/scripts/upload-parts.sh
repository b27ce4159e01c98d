#!/bin/bash
# Some parts of a multipart upload: WDRIP_PARTS has number:offset:bytes of each, its URL is in a file of its own.
# The MD5 of each part that arrived is kept, so that a run that was cut off does not send it again, and told, so
# that the bucket puts together nothing else.

# record NUMBER: the file that has the MD5 of a part that arrived.
record() {
    echo "$SNAPSHOTS/$WDRIP_DATE/sent.$WDRIP_UPLOAD.$1"
}

# send NUMBER OFFSET BYTES
send() {
    [[ ! -s $(record "$1") ]] || return 0
    say "uploading part $1, $3 bytes"
    upload "$PRIVATE/part-$1" "$2" "$3"
    mv "$PRIVATE/part-$1.md5" "$(record "$1")"
}

size=$(stat -c %s "$TAKEN")
for part in $WDRIP_PARTS; do
    IFS=: read -r number offset bytes <<<"$part"
    ((size >= offset + bytes)) || fail "$SNAPSHOT_CORRUPTED" "the snapshot ends before part $number does"
done

# Two at a time: one is read and hashed while the other is on its way. More would take the disk from etcd.
code=0
sending=''
for part in $WDRIP_PARTS; do
    IFS=: read -r number offset bytes <<<"$part"
    [[ $sending != *' '* ]] || {
        wait "${sending% *}" || code=$?
        sending=${sending#* }
    }
    send "$number" "$offset" "$bytes" &
    sending+=${sending:+ }$!
done
for each in $sending; do
    wait "$each" || code=$?
done
((code == 0)) || exit "$code"

told=''
for part in $WDRIP_PARTS; do
    number=${part%%:*}
    told+=${told:+,}\"$number\":\"$(<"$(record "$number")")\"
done
printf 'wdrip-result {%s}\n' "$told"
