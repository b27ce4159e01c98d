#!/bin/bash
# Runs one operation as a systemd unit, or finds its run, waits a while and tells how it stands.
# WDRIP_NAME, WDRIP_DIGEST, WDRIP_WAIT, WDRIP_KEEPS_SUCCESS stand before this text; after it, the functions
# write_script and write_private and the call of main.
set -euo pipefail
umask 077

STILL_RUNNING=75
INTERRUPTED=71
OUTPUT_BYTES=16000
# Seconds between the first looks at a run, then 0.2: most that only look at something are over within a tenth.
PAUSES=(0.02 0.03 0.05 0.1)

home=/var/lib/wdrip/operations/$WDRIP_NAME
private=/run/wdrip/$WDRIP_NAME
unit=wdrip-$WDRIP_NAME.service

is_running() {
    case $(systemctl show --property=ActiveState "$unit") in
        *=active | *=activating | *=deactivating | *=reloading) return 0 ;;
    esac
    return 1
}

# The exit code of the last run; fails when it has none (under way, or ended from outside).
exit_code() {
    local code
    [[ -f $home/exit-code ]] && code=$(<"$home/exit-code") && [[ $code =~ ^[0-9]+$ ]] && echo "$code"
}

start() {
    # Names of a run that ended may still be known to systemd.
    systemctl reset-failed "$unit" 2>/dev/null || true
    rm -f "$home/exit-code" "$home/told" "$home/digest" "$home/log"
    rm -rf "$private"
    mkdir -p "$private"
    write_private
    write_script >"$home/script"
    cat >"$home/run" <<RUN
#!/bin/bash
PRIVATE=$private /bin/bash $home/script >$home/log 2>&1 </dev/null
echo \$? >$home/exit-code.new
mv $home/exit-code.new $home/exit-code
rm -rf $private
RUN
    : >"$home/log"
    echo "$WDRIP_DIGEST" >"$home/digest"
    # The lock's descriptor must not live on in the unit's manager.
    systemd-run --unit="$unit" --description="wdrip $WDRIP_NAME" /bin/bash "$home/run" >/dev/null 2>&1 9>&- ||
        { echo "ERROR: systemd would not start $unit"; exit "$INTERRUPTED"; }
}

report() {
    echo "wdrip $WDRIP_NAME: $1"
    tail -c "$OUTPUT_BYTES" "$home/log"
}

# needs_start: whether this launch begins a run. Whether one goes on is asked before its result is looked for:
# the other way round a run that ends in between would look like one that never was.
needs_start() {
    local code running=no
    [[ -f $home/digest && $(<"$home/digest") == "$WDRIP_DIGEST" ]] || return 0
    ! is_running || running=yes
    code=$(exit_code) || {
        [[ $running == no ]]
        return
    }
    # A success that is kept, or an end that was not yet told, is the answer.
    [[ -e $home/told && ! ($code == 0 && $WDRIP_KEEPS_SUCCESS == yes) ]]
}

settle() {
    # One launcher at a time decides.
    exec 9>"$home/lock"
    flock 9
    if needs_start; then
        await_idle
        start
    fi
    exec 9>&-
}

# A unit that is ending, or a run with other parameters, is never overtaken.
await_idle() {
    while is_running; do
        ((SECONDS < WDRIP_WAIT)) || {
            report "an earlier run of it goes on; this one starts after it"
            exit "$STILL_RUNNING"
        }
        sleep 0.2
    done
}

main() {
    local code looks=0
    mkdir -p "$home"
    settle
    until code=$(exit_code); do
        if ! is_running && ! exit_code >/dev/null; then
            report "ended from outside before it was done"
            exit "$INTERRUPTED"
        fi
        if ((SECONDS >= WDRIP_WAIT)); then
            report "still running"
            exit "$STILL_RUNNING"
        fi
        sleep "${PAUSES[looks++]:-0.2}"
    done
    report "finished with exit code $code"
    : >"$home/told"
    exit "$code"
}
