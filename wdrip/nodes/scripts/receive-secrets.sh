#!/bin/bash
# Fetches the secrets that were encrypted to this machine and puts them in place.
SECRETS_CORRUPTED=66
work=$PRIVATE/secrets

umask 077
mkdir -p "$work/files"
say "fetching the encrypted secrets"
rm -f "$work/archive.cms"
download "$work/archive.cms"

openssl cms -decrypt -inform DER -in "$work/archive.cms" -binary \
    -recip /var/lib/wdrip/identity.crt -inkey /var/lib/wdrip/identity.key -out "$work/archive.tar" 2>/dev/null ||
    fail "$SECRETS_CORRUPTED" "secrets refused: they were not encrypted to this machine's certificate"
has_sha256 "$work/archive.tar" "$WDRIP_SHA256" ||
    fail "$SECRETS_CORRUPTED" "secrets refused: they are not the ones that were sent (sha256 differs)"

tar --extract --file "$work/archive.tar" --directory "$work/files" --no-same-owner
others=$(cd "$work/files" && find . ! -type d ! \( -type f \( -path './etc/kubernetes/pki/*' -o -path './etc/etcd/pki/*' \
    -o -path './etc/wdrip/bootstrap-token' -o -path './etc/wdrip/bootstrap.crt' -o -path './etc/wdrip/bootstrap.key' \
    -o -path './etc/wdrip/backup.key' \
    \) \) -print)
[[ -z $others ]] || fail "$SECRETS_CORRUPTED" "secrets refused: unexpected members: ${others//$'\n'/ }"

count=0
while IFS= read -r file; do
    mkdir -p "/$(dirname "$file")"
    install -m 600 "$work/files/$file" "/$file.new"
    mv -f "/$file.new" "/$file"
    count=$((count + 1))
done < <(cd "$work/files" && find . -type f -printf '%P\n')

# The API server trusts etcd's CA; its pod sees /etc/kubernetes/pki only.
if [[ -f /etc/etcd/pki/ca.crt ]]; then
    mkdir -p /etc/kubernetes/pki/etcd
    install -m 600 /etc/etcd/pki/ca.crt /etc/kubernetes/pki/etcd/ca.crt
fi
rm -rf "$work"
say "$count files are in place under /etc/kubernetes/pki, /etc/etcd/pki and /etc/wdrip"
