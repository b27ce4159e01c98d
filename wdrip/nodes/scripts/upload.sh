#!/bin/bash
# Uploading by pre-signed URL. The URL and its headers are read by curl from a file; the answer's body is thrown
# away, because a refusal repeats what was signed.

# upload FILE CONFIG: one PUT, tried anew while the other side is at fault; the ETag is the content's MD5.
upload() {
    local file=$1 config=$2 attempt status='' code etag
    md5sum "$file" >"$config.md5" &
    for attempt in 1 2 3 4 5; do
        code=0
        status=$(curl --config "$config" --silent --show-error --upload-file "$file" --connect-timeout 10 \
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
    [[ ${etag,,} == "$(cut -d' ' -f1 "$config.md5")" ]] ||
        fail "$UPLOAD_FAILED" "upload failed: what arrived has MD5 ${etag,,}, not $(cut -d' ' -f1 "$config.md5")"
}

export TAKEN=$SNAPSHOTS/$WDRIP_DATE/$WDRIP_FILE
[[ -s $TAKEN ]] || fail "$SNAPSHOT_CORRUPTED" "this machine has no snapshot $WDRIP_DATE any more; take another"
