#!/usr/bin/env bash
# Makes .venv with the pinned dependencies and the project itself (`make setup`).
# Needs python3 >= 3.11; installs the rest of what it needs from Debian when run as root.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "wdrip: $python is older than 3.11; set PYTHON to a newer one" >&2
  exit 1
}

needed=()
command -v flock >/dev/null || needed+=(util-linux)
"$python" -c 'import ensurepip, venv' 2>/dev/null || needed+=(python3-venv)
# oss2's checksum (crcmod) is a C extension: without a compiler it falls back to slow Python.
command -v gcc >/dev/null || needed+=(gcc libc6-dev)
headers=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
[ -e "$headers/Python.h" ] || needed+=(python3-dev)
command -v openssl >/dev/null || needed+=(openssl)
[ -e /etc/ssl/certs/ca-certificates.crt ] || needed+=(ca-certificates)
if [ "${#needed[@]}" -gt 0 ]; then
  hack/apt-install.sh "${needed[@]}"
fi

# Two makes at once must not install into one .venv: the second waits and finds the work done.
exec 9<"$0"
flock 9

stamp=.venv/.installed
digest=$(cat requirements/build.txt requirements/dev.txt pyproject.toml "$0" | sha256sum)
if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$digest" ]; then
  exit 0
fi

echo "wdrip: preparing .venv (about a minute the first time)" >&2
[ -x .venv/bin/python ] || "$python" -m venv .venv
pip=(.venv/bin/python -m pip --disable-pip-version-check install -qq)
"${pip[@]}" --require-hashes --requirement requirements/build.txt
# Source packages are built with the pinned tools above, never with ones fetched on the way.
"${pip[@]}" --require-hashes --no-build-isolation --requirement requirements/dev.txt
"${pip[@]}" --no-deps --no-build-isolation --editable .
.venv/bin/python -c 'import crcmod._crcfunext' || {
  echo "wdrip: crcmod was built without its C extension; remove .venv and run make setup again" >&2
  exit 1
}
printf '%s\n' "$digest" >"$stamp"
echo "wdrip: ready: .venv/bin/wdrip" >&2
