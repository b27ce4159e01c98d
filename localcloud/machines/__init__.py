"""Machines: the instances of ECS as real systemd machines (systemd-nspawn) on this host."""
