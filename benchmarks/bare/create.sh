#!/bin/bash
# The floor that `wdrip create` is compared with: one machine, etcd and kubeadm by hand, until the node is Ready.
#
#   create.sh ROOTFS PACKAGE [SNAPSHOT]
#
# ROOTFS: the machine image's root directory; PACKAGE: the software package (.tar.gz); SNAPSHOT: of etcd, to be
# restored first, which makes it the floor of `wdrip recover`. Prints the seconds from
# power-on to Ready as the last line, after the nodes and pods. Everything is removed at the end, whatever
# happens. Root is needed.
set -Eeuo pipefail

here=$(dirname "$(realpath "$0")")
address=192.168.0.77
directory=$(mktemp --directory /tmp/bare.XXXXXX)
trap '"$here/machine.sh" stop "$directory"' EXIT
trap 'exit 130' INT TERM

began=$(date +%s%N)
"$here/machine.sh" boot "$directory" "$1" "$address"
"$here/machine.sh" run "$directory" /bin/bash -c 'mkdir /package && tar --extract --gzip --directory /package' <"$2"
[[ -z ${3:-} ]] || "$here/machine.sh" run "$directory" /bin/bash -c 'cat >/snapshot.db' <"$3"
"$here/machine.sh" run "$directory" /bin/bash -c "$(<"$here/inside.sh")" inside.sh "$address" </dev/null
awk -v began="$began" -v ended="$(date +%s%N)" 'BEGIN { printf "seconds: %.1f\n", (ended - began) / 1e9 }'
