#!/usr/bin/env bash
# Installs the Debian packages named on the command line that are not there yet.
# Says what it installs; does nothing, and needs no root, when all are there.
set -euo pipefail

missing=()
for package in "$@"; do
  status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
[ "${#missing[@]}" -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "wdrip: these Debian packages are missing: ${missing[*]}" >&2
  echo "wdrip: install them as root (apt-get install ${missing[*]}) or run this command as root" >&2
  exit 1
fi

echo "wdrip: installing Debian packages: ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
# Another apt may hold the lock (unattended upgrades on a new machine): wait for it, but not for ever.
apt=(apt-get -qq -o DPkg::Lock::Timeout=300)
# No service may start on this host because a package brought its unit along.
policy=/usr/sbin/policy-rc.d
cleanup=()
trap 'rm -f "${cleanup[@]}"' EXIT
if [ ! -e "$policy" ]; then
  cleanup+=("$policy")
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
said=$(mktemp)
cleanup+=("$said")
install_missing() {
  "${apt[@]}" update && "${apt[@]}" install --yes --no-install-recommends "${missing[@]}"
}
if ! install_missing >"$said" 2>&1; then
  cat "$said" >&2
  echo "wdrip: installing ${missing[*]} failed" >&2
  exit 1
fi
