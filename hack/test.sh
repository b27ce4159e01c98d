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
hack/apt-install.sh openssl iproute2
.venv/bin/python -m pytest -m "not machines"
if [ "$1" = all ]; then
  hack/prepare-machines.sh
  .venv/bin/python -m pytest -m machines
fi
