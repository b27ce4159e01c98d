#!/bin/bash
# What every operation's script begins with: strictness, words for the log, waiting with a deadline.
set -Eeuo pipefail
umask 022
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C
trap 'echo "ERROR: line $LINENO: exit code $? from: $BASH_COMMAND" >&2' ERR

# Exit code of everything that did not become healthy before its deadline.
export NOT_IN_TIME=76

# say MESSAGE: a line of the log with the time of day (UTC).
say() {
    printf '%s %s\n' "$(date -u +%H:%M:%S)" "$*"
}

# fail CODE MESSAGE: the last line of a failed run.
fail() {
    local code=$1
    shift
    printf 'ERROR: %s\n' "$*"
    exit "$code"
}

# sha256_of [FILE]: in hex, of standard input without one. openssl uses the processor's own instructions for it and
# is five times as fast as coreutils.
sha256_of() {
    openssl dgst -sha256 -r "$@" | cut -d' ' -f1
}

# write_file PATH MODE: standard input becomes the file, whole or not at all. Prints "changed" if it differs.
write_file() {
    mkdir -p "$(dirname "$1")"
    (umask 077 && cat >"$1.new")
    chmod "$2" "$1.new"
    if cmp -s "$1.new" "$1"; then
        rm -f "$1.new"
    else
        mv -f "$1.new" "$1"
        echo changed
    fi
}

# wait_until SECONDS WHAT COMMAND...: 0 when the command succeeds in time; else says what was waited for, 1.
wait_until() {
    local seconds=$1 what=$2 began=$SECONDS
    shift 2
    say "waiting up to ${seconds}s for $what"
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS - began >= seconds)); then
            say "gave up after ${seconds}s: $what"
            return 1
        fi
        sleep 0.3
    done
    say "$what: yes, after $((SECONDS - began))s"
}

# tail_unit UNIT LINES: the end of a unit's journal, for the log of a failure.
tail_unit() {
    echo "--- $1: $(systemctl show --property=ActiveState,SubState,NRestarts "$1" | paste -sd' ' || true)"
    journalctl --unit="$1" --no-pager --lines="$2" --output=cat 2>&1 | cut -c1-240 || true
}
