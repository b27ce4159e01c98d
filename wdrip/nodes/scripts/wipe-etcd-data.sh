#!/bin/bash
# This machine's etcd stops and forgets. Only for a machine whose member has been removed.
systemctl disable --quiet --now etcd 2>/dev/null || true
rm -rf /etc/etcd/etcd.env /etc/etcd/has-run
find /var/lib/etcd -mindepth 1 -delete 2>/dev/null || true
say "etcd is stopped, its data is gone"
