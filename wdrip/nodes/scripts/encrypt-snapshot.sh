#!/bin/bash
# The snapshot beside itself, encrypted, with what is known of that in the last line.
plain=$SNAPSHOTS/$WDRIP_DATE/snapshot.db
sealed=$SNAPSHOTS/$WDRIP_DATE/snapshot.enc
[[ -s $plain ]] || fail "$SNAPSHOT_CORRUPTED" "this machine has no snapshot $WDRIP_DATE any more; take another"
needs_space "$(($(stat -c %s "$plain") + 1024))"
say "encrypting $(stat -c %s "$plain") bytes"
cipher -e "$plain" "$sealed" || fail "$SNAPSHOT_CORRUPTED" "it was not encrypted: $(tail -1 "$sealed.log" | cut -c1-300)"
printf 'wdrip-result {"sha256":"%s","size":%s}\n' "$(sha256sum "$sealed" | cut -d' ' -f1)" "$(stat -c %s "$sealed")"
