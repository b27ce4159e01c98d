#!/usr/bin/env bash
# Brings what real machines need: Debian packages, the machine image and the software package.
# Both artefacts are kept in the cache, so only the first run takes long.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(id -u)" -ne 0 ]; then
  echo "wdrip: real machines need root (namespaces, mounts, systemd-nspawn): run this as root" >&2
  exit 1
fi
hack/apt-install.sh systemd-container haproxy nftables iproute2 procps util-linux mmdebstrap openssl curl ca-certificates
echo "wdrip: machine image (a few minutes the first time, then cached)" >&2
.venv/bin/python -m localcloud.images prepare >/dev/null
echo "wdrip: software package (about ten minutes the first time where Kubernetes has to be built, then cached)" >&2
.venv/bin/wdrip build >/dev/null
