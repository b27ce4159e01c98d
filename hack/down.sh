#!/usr/bin/env bash
# Stops what `make demo` started: worker, Temporal, local cloud and its machines. Leaves nothing behind.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ ! -x .venv/bin/wdrip ]; then
  echo "wdrip: nothing is set up here, so nothing runs" >&2
  exit 0
fi
.venv/bin/wdrip down
