#!/usr/bin/env bash
# Measures the figures and prints them as a table (`make bench`); fails when one is over its limit.
set -euo pipefail
cd "$(dirname "$0")/.."

hack/prepare-machines.sh
exec .venv/bin/python -m benchmarks.figures
