#!/bin/bash
# Whether this machine still holds what its member wrote: without a log there is no member to come back.
if compgen -G "/var/lib/etcd/member-data/member/wal/*.wal" >/dev/null; then
    echo "etcd data: there"
else
    echo "etcd data: gone"
fi
