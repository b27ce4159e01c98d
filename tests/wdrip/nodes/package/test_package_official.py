import socket
import threading
import urllib.error
from pathlib import Path

import pytest

from tests.wdrip.nodes.package.downloads import Downloads, packed
from wdrip.errors import PermanentError, TemporaryError
from wdrip.nodes.package import official
from wdrip.nodes.package.archive import Member
from wdrip.nodes.package.official import Download, OfficialSite, published_checksum, unpack

SHA256 = "a" * 64
RUNC = official.runc("amd64")


def quiet(_line: str) -> None:
    pass


@pytest.fixture
def downloads() -> Downloads:
    return Downloads()


def test_reachable_downloads_have_no_obstacle(tmp_path: Path, downloads: Downloads) -> None:
    assert OfficialSite(tmp_path, quiet, downloads.open).unreachable("1.21.3", "amd64") is None


@pytest.mark.parametrize(
    "problem",
    [
        urllib.error.URLError(socket.gaierror(-2, "Name or service not known")),
        TimeoutError("timed out"),
        urllib.error.HTTPError("https://x.test", 503, "Service Unavailable", None, None),  # type: ignore[arg-type]
    ],
)
def test_an_unreachable_site_is_told_with_its_reason(
    tmp_path: Path, downloads: Downloads, problem: OSError
) -> None:
    downloads.down = problem
    obstacle = OfficialSite(tmp_path, quiet, downloads.open).unreachable("1.21.3", "amd64")
    assert obstacle is not None
    assert str(getattr(problem, "reason", problem)) in obstacle


def test_both_sites_must_be_reachable(tmp_path: Path, downloads: Downloads) -> None:
    def only_kubernetes(url: str, timeout: float) -> object:
        if "runc" in url:
            raise ConnectionRefusedError("refused")
        return downloads.open(url, timeout)

    site = OfficialSite(tmp_path, quiet, only_kubernetes)  # type: ignore[arg-type]
    assert "refused" in (site.unreachable("1.21.3", "amd64") or "")


def test_a_site_that_never_answers_does_not_hold_up_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(official, "REACH_DEADLINE", 0.1)
    released = threading.Event()

    def hang(_url: str, _timeout: float) -> object:
        released.wait(30)
        raise OSError("too late")

    obstacle = OfficialSite(tmp_path, quiet, hang).unreachable("1.21.3", "amd64")  # type: ignore[arg-type]
    assert not released.is_set()
    released.set()
    assert "no answer within" in (obstacle or "")


def test_a_version_that_was_never_released_is_refused(tmp_path: Path, downloads: Downloads) -> None:
    with pytest.raises(PermanentError, match="not published"):
        OfficialSite(tmp_path, quiet, downloads.open).unreachable("1.99.0", "amd64")


def test_a_file_is_fetched_once_and_verified(tmp_path: Path, downloads: Downloads) -> None:
    site = OfficialSite(tmp_path, quiet, downloads.open)
    assert site.fetch(RUNC).read_bytes() == b"runc"
    assert site.fetch(RUNC).read_bytes() == b"runc"
    assert downloads.asked.count(RUNC.url) == 1


def test_a_file_that_is_not_what_was_published_is_refused_and_not_kept(
    tmp_path: Path, downloads: Downloads
) -> None:
    downloads.files[RUNC.url] = b"something else"
    site = OfficialSite(tmp_path, quiet, downloads.open)
    with pytest.raises(PermanentError, match="not what its project published"):
        site.fetch(RUNC)
    downloads.files[RUNC.url] = b"runc"
    assert site.fetch(RUNC).read_bytes() == b"runc"


def test_a_broken_connection_is_worth_another_try(tmp_path: Path, downloads: Downloads) -> None:
    def break_off(url: str, timeout: float) -> object:
        if url == RUNC.url:
            raise ConnectionResetError("reset by peer")
        return downloads.open(url, timeout)

    with pytest.raises(TemporaryError, match="broke off: reset by peer"):
        OfficialSite(tmp_path, quiet, break_off).fetch(RUNC)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "listing",
    [
        f"{SHA256}\n",
        f"{SHA256}  runc.amd64\n",
        f"{'b' * 64} *runc.arm64\n{SHA256} *runc.amd64\n",
        f"{'b' * 64}  ./runc.amd64.asc\n{SHA256}  ./runc.amd64\n",
    ],
)
def test_published_checksums_come_in_several_forms(listing: str) -> None:
    assert published_checksum(listing, RUNC) == SHA256


@pytest.mark.parametrize(
    "listing",
    ["", "<html>Sign in to this network</html>", f"{SHA256}  runc.arm64\n", f"{'a' * 40}  runc.amd64\n"],
)
def test_a_listing_without_the_file_is_refused(listing: str) -> None:
    with pytest.raises(PermanentError, match=r"holds no sha256 of runc\.amd64"):
        published_checksum(listing, RUNC)


def test_the_hash_of_a_download_may_be_sha512() -> None:
    download = Download("https://x.test/f", "https://x.test/f.sha512", "sha512")
    assert published_checksum("c" * 128, download) == "c" * 128


def test_an_archive_of_another_layout_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar.gz"
    archive.write_bytes(packed({"bin/ctr": Member(b"ctr")}))
    unpack(archive, {"bin/ctr": "ctr"}, tmp_path)
    assert (tmp_path / "ctr").read_bytes() == b"ctr"
    with pytest.raises(PermanentError, match="holds no bin/containerd"):
        unpack(archive, {"bin/ctr": "ctr", "bin/containerd": "containerd"}, tmp_path)
