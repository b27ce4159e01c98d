#!/bin/bash
# Uploading by pre-signed URL. The URL and its headers are read by curl from a file; the answer's body is thrown
# away, because a refusal repeats what was signed.

# piece OFFSET BYTES: that part of the file; no copy of it lies on the disk.
piece() {
    dd if="$TAKEN" bs=1M iflag=skip_bytes,count_bytes skip="$1" count="$2" status=none
}

# upload CONFIG OFFSET BYTES: one PUT of a piece, tried anew while the other side is at fault; the ETag is its MD5,
# which stands in CONFIG.md5 afterwards.
upload() {
    local config=$1 offset=$2 bytes=$3 attempt status='' code etag
    piece "$offset" "$bytes" | openssl dgst -md5 -r | cut -d' ' -f1 >"$config.md5" &
    for attempt in 1 2 3 4 5; do
        code=0
        # Of standard input curl does not know the length, and would send chunks.
        status=$(piece "$offset" "$bytes" | curl --config "$config" --silent --show-error --upload-file - \
            --header "Content-Length: $bytes" --header "Transfer-Encoding:" --connect-timeout 10 \
            --speed-limit 1024 --speed-time 30 --dump-header "$config.answer" --output /dev/null \
            --write-out '%{http_code}') || code=$?
        [[ $code == 0 && $status == 200 ]] && break
        say "upload attempt $attempt: HTTP status ${status:-none}, curl's exit code $code"
        # Refused: the URL is too old or not for this; the same one again cannot help.
        [[ $status != 4* || $status == 408 || $status == 429 ]] || break
        ((attempt == 5)) || sleep 2
    done
    wait
    [[ $code == 0 && $status == 200 ]] ||
        fail "$UPLOAD_FAILED" "upload failed: HTTP status ${status:-none}, curl's exit code $code"
    etag=$(tr -d '\r"' <"$config.answer" | sed -n 's/^etag: *//Ip' | tail -1)
    [[ ${etag,,} == "$(<"$config.md5")" ]] ||
        fail "$UPLOAD_FAILED" "upload failed: what arrived has MD5 ${etag,,}, not $(<"$config.md5")"
}

export TAKEN=$SNAPSHOTS/$WDRIP_DATE/$WDRIP_FILE
[[ -s $TAKEN ]] || fail "$SNAPSHOT_CORRUPTED" "this machine has no snapshot $WDRIP_DATE any more; take another"
