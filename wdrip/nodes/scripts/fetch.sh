#!/bin/bash
# Fetching by pre-signed URL. The URL is a secret: curl reads it from a file, it never stands in arguments.

DOWNLOAD_FAILED=69

# has_sha256 FILE SHA256
has_sha256() {
    [[ -f $1 && $(sha256_of "$1") == "$2" ]]
}

# download FILE: continues what is there; a file that the server will not continue is fetched again whole.
download() {
    local file=$1 attempt code
    for attempt in 1 2 3 4 5; do
        code=0
        curl --config "$PRIVATE/url" --silent --show-error --fail --location --connect-timeout 10 \
            --speed-limit 1024 --speed-time 30 --continue-at - --output "$file" || code=$?
        case $code in
            0) return 0 ;;
            22 | 33 | 36) rm -f "$file" ;; # refused as a whole, or not from the middle
        esac
        say "download attempt $attempt ended with curl's exit code $code"
        ((attempt == 5)) || sleep 2
    done
    fail "$DOWNLOAD_FAILED" "download failed 5 times; the last curl exit code was $code (its message stands above)"
}
