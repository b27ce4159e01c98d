#!/usr/bin/env bash
# Every static check (`make lint`); stops at the first that finds something.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"

ruff check --quiet .
ruff format --quiet --check --diff .
mypy --no-error-summary
said=$(lint-imports --no-cache 2>&1) || {
  echo "$said" >&2
  exit 1
}
find . -name .venv -prune -o -type f \( -name '*.sh' -o -path ./.ci/run \) -print0 |
  xargs -0 shellcheck --external-sources
echo "wdrip: lint: nothing found" >&2
