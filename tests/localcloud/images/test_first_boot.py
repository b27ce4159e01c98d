"""The image's own programs, run inside the real image."""

import os
import subprocess
from pathlib import Path

import pytest

from localcloud.images import default_cache
from localcloud.images.prepare import prepare

pytestmark = [pytest.mark.machines, pytest.mark.timeout(1800)]

# In namespaces of its own: serves files where the cloud serves user data, to the image's root file system
# under a writable layer, and runs the image's user-data program twice.
SCRIPT = """
set -eu
mount --types tmpfs tmpfs "$WORK"
mkdir -p "$WORK/upper" "$WORK/work" "$WORK/root" "$WORK/web/latest"
mount --types overlay overlay --options "lowerdir=$IMAGE,upperdir=$WORK/upper,workdir=$WORK/work" "$WORK/root"
ip link set lo up
ip address add 100.100.100.200/32 dev lo
if [ -n "${USER_DATA:-}" ]; then printf '%s' "$USER_DATA" >"$WORK/web/latest/user-data"; fi
python3 -m http.server --directory "$WORK/web" --bind 100.100.100.200 80 >/dev/null 2>&1 &
trap "kill $!" EXIT
until curl --silent --output /dev/null http://100.100.100.200/; do :; done
for boot in first second; do
  echo "$boot boot"
  chroot "$WORK/root" /usr/local/sbin/user-data 2>&1 || echo "exit code $?"
done
"""


@pytest.fixture(scope="module")
def image() -> Path:
    return prepare(default_cache(), print)


def two_boots(image: Path, work: Path, user_data: str = "") -> list[str]:
    environment = {**os.environ, "IMAGE": str(image), "WORK": str(work), "USER_DATA": user_data}
    command = ["unshare", "--mount", "--net", "bash", "-c", SCRIPT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_user_data_runs_once_per_system_disk(image: Path, tmp_path: Path) -> None:
    said = two_boots(image, tmp_path, "#!/bin/sh\necho hello from $0\n")
    assert said == ["first boot", "hello from /var/lib/user-data/script", "second boot"]


def test_a_script_that_fails_is_not_run_again(image: Path, tmp_path: Path) -> None:
    said = two_boots(image, tmp_path, "#!/bin/sh\nexit 3\n")
    assert said == ["first boot", "exit code 3", "second boot"]


def test_a_machine_without_user_data_asks_once(image: Path, tmp_path: Path) -> None:
    assert two_boots(image, tmp_path) == ["first boot", "no user data", "second boot"]


def test_what_is_no_script_is_refused_in_words(image: Path, tmp_path: Path) -> None:
    said = two_boots(image, tmp_path, "#cloud-config\n")
    assert said[1:3] == ["user data: only scripts that begin with #! are run", "exit code 1"]


def test_the_image_holds_nothing_of_the_host(image: Path) -> None:
    assert not (image / "etc/hostname").exists()
    assert "nameserver" not in (image / "etc/resolv.conf").read_text()
    assert list((image / "etc/apt").rglob("*.list")) == []
    assert list((image / "etc/apt").rglob("*.sources")) == []
    assert (image / "etc/machine-id").read_text() == ""


def test_the_image_has_the_tools_that_a_node_needs(image: Path) -> None:
    tools = "systemctl curl tar gzip openssl ip iptables conntrack socat ethtool mount flock nsenter findmnt"
    for tool in tools.split():
        # Links such as those of alternatives lead to the image's own files, not to the host's.
        assert any(os.path.lexists(image / place / tool) for place in ("usr/bin", "usr/sbin")), tool
