#!/usr/bin/env bash
# Pins every dependency with hashes from requirements/*.in (`make lock`). No index is named in the result.
set -euo pipefail
cd "$(dirname "$0")/.."

[ -x .venv/bin/uv ] || .venv/bin/python -m pip --disable-pip-version-check install --quiet uv
for name in build runtime dev; do
  .venv/bin/uv pip compile "requirements/$name.in" --output-file "requirements/$name.txt" \
    --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet "$@"
done
