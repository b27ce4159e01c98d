#!/bin/bash
# The machine's own copy, once the backup is in the index or was given up.
rm -rf "${SNAPSHOTS:?}/$WDRIP_DATE"
say "discarded"
