#!/bin/sh
# Starts kube-proxy with the iptables that the machine itself uses: rules of the two back ends (nft and
# legacy) do not see each other. The kubelet has left chains named KUBE-… in the one that it uses.
tools=/usr/local/lib/iptables
backend=nft
if ! "$tools/nft/iptables-save" -t mangle 2>/dev/null | grep -q KUBE-; then
  if "$tools/legacy/iptables-save" -t mangle 2>/dev/null | grep -q KUBE-; then
    backend=legacy
  elif ! "$tools/nft/iptables" -t nat -S >/dev/null 2>&1; then
    backend=legacy
  fi
fi
PATH="$tools/$backend:$PATH"
export PATH
exec /usr/local/lib/kube-proxy "$@"
