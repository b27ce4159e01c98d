#!/bin/bash
# The snapshot beside itself, encrypted, with what is known of that in the last line.
plain=$SNAPSHOTS/$WDRIP_DATE/snapshot.db
sealed=$SNAPSHOTS/$WDRIP_DATE/snapshot.enc
[[ -s $plain ]] || fail "$SNAPSHOT_CORRUPTED" "this machine has no snapshot $WDRIP_DATE any more; take another"
needs_space "$(($(stat -c %s "$plain") + 1024))"
say "encrypting $(stat -c %s "$plain") bytes"
cipher -e "$plain" "$sealed" || fail "$SNAPSHOT_CORRUPTED" "it was not encrypted: $(tail -1 "$sealed.log" | cut -c1-300)"
# What cannot be read back is no backup.
opened=$(openssl enc -d -aes-256-cbc -md sha256 -pass "file:$BACKUP_KEY" -in "$sealed" 2>/dev/null | sha256_of) ||
    opened=''
[[ $opened == "$(sha256_of "$plain")" ]] || fail "$SNAPSHOT_CORRUPTED" "what was encrypted does not come out again"
printf 'wdrip-result {"sha256":"%s","size":%s}\n' "$(sha256_of "$sealed")" "$(stat -c %s "$sealed")"
