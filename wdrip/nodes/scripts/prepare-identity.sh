#!/bin/bash
# The machine's own key pair: secrets are encrypted to it, so that they can travel through the bucket.
key=/var/lib/wdrip/identity.key
certificate=/var/lib/wdrip/identity.crt

mkdir -p /var/lib/wdrip
chmod 700 /var/lib/wdrip
if [[ -s $key && -s $certificate ]]; then
    say "the machine has its identity"
else
    say "making an RSA key and a self-signed certificate"
    (umask 077 && openssl req -x509 -newkey rsa:2048 -nodes -sha256 -days 3650 -subj "/CN=$WDRIP_MACHINE_NAME" \
        -keyout "$key.new" -out "$certificate.new" 2>/dev/null)
    mv "$key.new" "$key"
    mv "$certificate.new" "$certificate"
fi
openssl x509 -in "$certificate" -outform PEM
