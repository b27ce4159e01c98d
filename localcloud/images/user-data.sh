#!/usr/bin/env bash
# Runs the instance's user data once per system disk, as cloud-init does for `#!` scripts.
# The mark is set before the script runs: a machine that loses power in the middle does not run it twice.
set -euo pipefail

url=http://100.100.100.200/latest/user-data
state=/var/lib/user-data
[ ! -e "$state/taken" ] || exit 0

umask 077
mkdir -p "$state"
status=$(curl --silent --show-error --retry 10 --retry-connrefused --retry-delay 1 --max-time 10 \
  --output "$state/script" --write-out '%{http_code}' "$url")
case "$status" in
  200) ;;
  404)
    echo "no user data"
    touch "$state/taken"
    exit 0
    ;;
  *)
    echo "user data: the metadata service answered $status" >&2
    exit 1
    ;;
esac

touch "$state/taken"
if [ "$(head -c 2 "$state/script")" != '#!' ]; then
  echo "user data: only scripts that begin with #! are run" >&2
  exit 1
fi
chmod 700 "$state/script"
exec "$state/script"
