"""Kubernetes built from the distribution's source package.

Debian ships kubectl only, but its source package has all of Kubernetes with its dependencies. It brings one
version; whoever wants another needs the official downloads.
"""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from wdrip.errors import PermanentError
from wdrip.nodes.package.archive import MODIFIED
from wdrip.nodes.package.debian import DebianArchive, install_tools

VERSION = "1.20.2"
"""What Debian 12's source package `kubernetes` (1.20.5+really1.20.2) builds."""

PROGRAMS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kubelet",
    "kubeadm",
    "kubectl",
)

TOOLS = ("dpkg-dev", "golang-1.19-go", "jq", "make", "rsync", "patch", "xz-utils")
"""Debian packages that the build needs on this host."""

_GO = Path("/usr/lib/go-1.19/bin")

_REFLECT2 = "golang-github-modern-go-reflect2-dev"
_VENDORED_REFLECT2 = "vendor/github.com/modern-go/reflect2"

_CPU_MINUTES = 12
"""Measured with a cold cache on Debian 12: 10 min 17 s user and 1 min 40 s system time."""

_DEADLINE = 5400
_HEARTBEAT = 30

Report = Callable[[str], None]


def estimate_minutes() -> int:
    """Minutes that a build takes here, two of them for fetching and linking, which use one core."""
    return round(_CPU_MINUTES / (os.cpu_count() or 1)) + 2


def build_kubernetes(target: Path, work: Path, archive: DebianArchive, report: Report) -> None:
    """Builds `PROGRAMS`, static and stripped, into `target`.

    `work` is a scratch directory that keeps Go's cache: a build that was killed goes on from there. It is
    removed when the build is done. Raises PermanentError.
    """
    install_tools(TOOLS, report)
    minutes = estimate_minutes()
    report(f"building Kubernetes {VERSION} from the distribution's source: about {minutes} minutes, once")
    source = work / "gopath/src/k8s.io/kubernetes"
    ready = work / "source-ready"
    if not ready.exists():
        shutil.rmtree(work, ignore_errors=True)
        source.parent.mkdir(parents=True)
        archive.source("kubernetes", source)
        _replace_reflect2(source, work, archive)
        ready.touch()
    started = time.monotonic()
    _make(source, work, report)
    binaries = source / "_output/bin"
    for program in PROGRAMS:
        shutil.copyfile(binaries / program, target / program)
        (target / program).chmod(0o755)
    check_version(target / "kubeadm")
    shutil.rmtree(work)
    report(f"Kubernetes {VERSION} built in {(time.monotonic() - started) / 60:.1f} minutes")


def check_version(kubeadm: Path) -> None:
    """Runs the built kubeadm: a wrong build environment shows in its version. Raises PermanentError."""
    done = subprocess.run(
        [kubeadm, "version", "-o", "short"], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode != 0 or done.stdout.strip() != f"v{VERSION}":
        said = (done.stdout + done.stderr).strip()[-500:]
        raise PermanentError(f"the built kubeadm does not say v{VERSION} but: {said}")


def _replace_reflect2(source: Path, work: Path, archive: DebianArchive) -> None:
    """The vendored reflect2 1.0.1 crashes when built with Go 1.18 or newer; Debian's is the fixed one."""
    package = work / "reflect2"
    archive.extract([_REFLECT2], package)
    fixed = package / "usr/share/gocode/src/github.com/modern-go/reflect2"
    vendored = source / _VENDORED_REFLECT2
    for pattern in ("*.go", "*.s"):
        for old in vendored.glob(pattern):
            old.unlink()
        for new in fixed.glob(pattern):
            if not new.name.endswith("_test.go"):
                shutil.copyfile(new, vendored / new.name)


def _make(source: Path, work: Path, report: Report) -> None:
    home = work / "home"
    home.mkdir(exist_ok=True)
    major, minor, _ = VERSION.split(".")
    environment = {
        "PATH": f"{_GO}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "GOPATH": str(work / "gopath"),
        # The source tree predates modules-only builds; dependencies are vendored.
        "GO111MODULE": "off",
        "GOFLAGS": "",
        # Static programs run in images without a C library.
        "CGO_ENABLED": "0",
        "KUBE_GIT_VERSION": f"v{VERSION}",
        "KUBE_GIT_MAJOR": major,
        "KUBE_GIT_MINOR": minor,
        "KUBE_GIT_TREE_STATE": "archive",
        "KUBE_GIT_COMMIT": "distribution-source",
        "SOURCE_DATE_EPOCH": str(MODIFIED),
    }
    targets = " ".join(f"cmd/{program}" for program in PROGRAMS)
    # `make`, not `go build`: the OpenAPI definitions are generated first. `-s -w` strips.
    command = ["make", f"WHAT={targets}", "GOLDFLAGS=-s -w"]
    log = work / "make.log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            command,
            cwd=source,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            code = _wait(process, report)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if code != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
        raise PermanentError(f"building Kubernetes failed with exit code {code} (whole log: {log}):\n{tail}")


def _wait(process: "subprocess.Popen[bytes]", report: Report) -> int:
    started = time.monotonic()
    finished = threading.Event()
    estimate = estimate_minutes()

    def tell() -> None:
        while not finished.wait(_HEARTBEAT):
            minutes = (time.monotonic() - started) / 60
            report(
                f"compiling Kubernetes for {minutes:.1f} minutes (about {estimate} when nothing else runs)"
            )

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        return process.wait(timeout=_DEADLINE)
    except subprocess.TimeoutExpired as late:
        raise PermanentError(f"building Kubernetes took more than {_DEADLINE // 60} minutes") from late
    finally:
        finished.set()
        teller.join()
