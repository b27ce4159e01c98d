#!/usr/bin/env bash
# Makes the control groups writable: a container manager mounts them read-only where the host still has
# version 1 hierarchies, and then no container runtime can work inside. Does nothing where they are writable.
set -euo pipefail

findmnt --noheadings --raw --types cgroup,cgroup2 --output TARGET,OPTIONS | while read -r target options; do
  case ",$options," in
    *,ro,*)
      parent=$(dirname "$target")
      if [ "$parent" = /sys/fs/cgroup ]; then mount -o remount,rw,bind "$parent"; fi
      mount -o remount,rw,bind "$target"
      ;;
  esac
done
