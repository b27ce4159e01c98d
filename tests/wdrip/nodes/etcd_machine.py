"""A sandbox with a real etcd: the package's own programs, TLS, and a `systemctl` that starts the member."""

import io
import random
import subprocess
import tarfile
from pathlib import Path

from tests.wdrip.nodes.sandbox import Sandbox
from wdrip.nodes import operations
from wdrip.security.bundle import SecretsBundle
from wdrip.security.machine_files import master_archive

# Several of these share the host's network: the listeners that all would have on 127.0.0.1 are left out.
_SYSTEMCTL = """#!/bin/bash
pid_file=/run/units/etcd.pid
lives() { [[ -n $1 && -d /proc/$1 && $(ps -o stat= -p "$1") != Z* ]]; }
case $1 in
    show)
        state=inactive
        lives "$(cat "/run/units/${!#}.pid" 2>/dev/null)" && state=active
        echo "ActiveState=$state" ;;
    stop) lives "$(cat $pid_file 2>/dev/null)" && kill -9 "$(cat $pid_file)"; rm -f $pid_file ;;
    start)
        lives "$(cat $pid_file 2>/dev/null)" && exit 0
        set -a; . /etc/etcd/etcd.env
        ETCD_LISTEN_CLIENT_URLS=$ETCD_ADVERTISE_CLIENT_URLS; unset ETCD_LISTEN_METRICS_URLS
        mkdir -p /run/units
        setsid etcd </dev/null >/run/etcd.log 2>&1 &
        echo $! >$pid_file ;;
esac
exit 0
"""

LEADERS_LEASE = "/registry/leases/kube-system/kube-scheduler"


class EtcdMachine(Sandbox):
    """A master up to the point where etcd can be started; its address is a loopback one of its own."""

    def __init__(self, folder: Path, programs: Path, bundle: SecretsBundle) -> None:
        """programs: folder with `etcd` and `etcdctl`."""
        super().__init__(folder)
        self.ip = f"127.77.{random.randrange(256)}.{random.randrange(1, 255)}"
        self.name = f"{self.ip}.i-test"
        self.program("systemctl", _SYSTEMCTL)
        for program in ("etcd", "etcdctl"):
            self.program(program, f'#!/bin/bash\nexec {programs / program} "$@"\n')
        with tarfile.open(fileobj=io.BytesIO(master_archive(bundle, self.name, self.ip))) as archive:
            for member in archive.getmembers():
                path = self.path(f"/{member.name}")
                path.parent.mkdir(parents=True, exist_ok=True)
                content = archive.extractfile(member)
                assert content is not None
                path.write_bytes(content.read())

    def start_etcd(self) -> None:
        """A cluster of one, with a few keys as Kubernetes has them."""
        result = self.launch(operations.start_first_etcd(self.name, self.ip, "uid"))
        assert result.code == 0, result.output
        for number in range(5):
            self.etcdctl("put", f"/registry/pods/p{number}", f"value {number}")
        self.etcdctl("del", "/registry/pods/p0")
        self.etcdctl("put", LEADERS_LEASE, "whoever leads")

    def etcdctl(self, *arguments: str) -> str:
        """What etcdctl prints, asked of this machine's member."""
        pki = self.path("/etc/etcd/pki")
        files = ["--cacert", f"{pki}/ca.crt", "--cert", f"{pki}/server.crt", "--key", f"{pki}/server.key"]
        done = subprocess.run(
            [
                self.path("/usr/local/sbin/etcdctl"),
                "--endpoints",
                f"https://{self.ip}:2379",
                *files,
                *arguments,
            ],
            check=True,
            capture_output=True,
            text=True,
            timeout=30,
            env={"ETCDCTL_API": "3", "PATH": "/usr/bin:/bin"},
        )
        return done.stdout
