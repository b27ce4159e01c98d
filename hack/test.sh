#!/usr/bin/env bash
# Runs the tests: `test.sh fast` those that need no real machine, `test.sh all` those first, then the rest.
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-}" in
  fast | all) ;;
  *)
    echo "usage: hack/test.sh fast|all" >&2
    exit 2
    ;;
esac
hack/apt-install.sh curl iproute2 openssl procps
# Tests wait more than they compute: two at once, each process with its own servers and clouds.
.venv/bin/python -m pytest -m "not machines" --numprocesses 2 --dist worksteal
if [ "$1" = all ]; then
  hack/prepare-machines.sh
  .venv/bin/python -m pytest -m machines --numprocesses 2 --dist loadfile
fi
