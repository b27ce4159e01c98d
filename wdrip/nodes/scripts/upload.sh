#!/bin/bash
# Sending a file in parts of WDRIP_PART_BYTES, each by a pre-signed URL of its own in PRIVATE/part-NUMBER. curl reads
# the URL from there; the answer's body is thrown away, because a refusal repeats what was signed. The MD5 of each
# part that arrived is kept beside the file, so that it is not sent again, and told, so that the bucket puts together
# nothing else.

# record NUMBER: the file that has the MD5 of a part that arrived.
record() {
    echo "$SNAPSHOTS/$WDRIP_DATE/sent.$WDRIP_UPLOAD.$1"
}

# piece FILE OFFSET BYTES: that part of the file; no copy of it lies on the disk.
piece() {
    dd if="$1" bs=64K iflag=skip_bytes,count_bytes skip="$2" count="$3" status=none
}

# put NUMBER FILE OFFSET BYTES: one PUT of a piece, tried anew while the other side is at fault; the ETag is its MD5.
put() {
    local config=$PRIVATE/part-$1 file=$2 offset=$3 bytes=$4 attempt status='' code etag
    piece "$file" "$offset" "$bytes" | openssl dgst -md5 -r | cut -d' ' -f1 >"$config.md5" &
    for attempt in 1 2 3 4 5; do
        code=0
        # Of standard input curl does not know the length, and would send chunks.
        status=$(piece "$file" "$offset" "$bytes" | curl --config "$config" --silent --show-error --upload-file - \
            --header "Content-Length: $bytes" --header "Transfer-Encoding:" --connect-timeout 10 \
            --speed-limit 1024 --speed-time 30 --dump-header "$config.answer" --output /dev/null \
            --write-out '%{http_code}') || code=$?
        [[ $code == 0 && $status == 200 ]] && break
        say "part $1, attempt $attempt: HTTP status ${status:-none}, curl's exit code $code"
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
    mv "$config.md5" "$(record "$1")"
}

# send_in_turn WHOLE GROWING NUMBER...: parts of GROWING, each as soon as it is there; there is WHOLE when GROWING has
# all. What begins behind its end is no part.
send_in_turn() {
    local whole=$1 growing=$2 number complete size offset bytes
    shift 2
    for number in "$@"; do
        [[ ! -s $(record "$number") ]] || continue
        offset=$(((number - 1) * WDRIP_PART_BYTES))
        while :; do
            # Asked before the size: what is complete grows no more.
            [[ -e $whole ]] && complete=yes || complete=no
            size=$(stat -c %s "$growing")
            bytes=$((size - offset < WDRIP_PART_BYTES ? size - offset : WDRIP_PART_BYTES))
            [[ $complete == no && $bytes -lt $WDRIP_PART_BYTES ]] || break
            sleep 0.1
        done
        ((bytes > 0)) || return 0
        say "sending part $number, $bytes bytes"
        put "$number" "$growing" "$offset" "$bytes"
    done
}

# begin_sending WHOLE GROWING: the parts WDRIP_PARTS in two rows, whose processes are in `sending`: one is read and
# hashed while the other is on its way. More would take the disk from etcd.
begin_sending() {
    local rows=('' '') turn=0 number row
    for number in $WDRIP_PARTS; do
        rows[turn]+=" $number"
        turn=$((1 - turn))
    done
    sending=()
    for row in "${rows[@]}"; do
        # shellcheck disable=SC2086 # several numbers
        send_in_turn "$1" "$2" $row &
        sending+=($!)
    done
}

# tell_parts: the parts that have arrived, for the log's reader.
tell_parts() {
    local file told='' prefix
    prefix=$(record '')
    for file in "$prefix"*; do
        [[ ! -s $file ]] || told+=${told:+,}\"${file#"$prefix"}\":\"$(<"$file")\"
    done
    printf 'wdrip-parts {%s}\n' "$told"
}
