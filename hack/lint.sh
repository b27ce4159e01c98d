#!/usr/bin/env bash
# Every static check (`make lint`); stops at the first that finds something.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"

ruff check --quiet .
ruff format --quiet --check --diff .
mypy --no-error-summary
lint-imports --no-cache >/tmp/wdrip-lint-imports.$$ 2>&1 || {
  cat "/tmp/wdrip-lint-imports.$$"
  rm -f "/tmp/wdrip-lint-imports.$$"
  exit 1
}
rm -f "/tmp/wdrip-lint-imports.$$"
# Tracked and new scripts alike, so that one cannot be forgotten before its first commit.
git ls-files --cached --others --exclude-standard -- '*.sh' .ci/run | while read -r script; do
  if [ -e "$script" ]; then printf '%s\0' "$script"; fi
done | xargs -0 shellcheck --external-sources
echo "wdrip: lint: nothing found" >&2
