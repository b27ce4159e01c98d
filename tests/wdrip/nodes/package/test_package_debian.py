from pathlib import Path

import pytest

from wdrip.errors import PermanentError
from wdrip.nodes.package import debian


@pytest.mark.parametrize(
    ("version", "upstream"),
    [
        ("1.6.20~ds1-1+deb12u3", "1.6.20"),
        ("1.20.5+really1.20.2-1.1+deb12u1", "1.20.2"),
        ("1.1.1+ds1-3+b5", "1.1.1"),
        ("3.4.23-4+b4", "3.4.23"),
        ("1:1.35.0-4+deb12u1+b1", "1.35.0"),
        ("7", "7"),
    ],
)
def test_upstreams_version_is_found_in_debians(version: str, upstream: str) -> None:
    assert debian.upstream_version(version) == upstream


def fake_apt(directory: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = directory / "apt-get"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")


def test_source_entries_are_derived_from_the_hosts_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = "bookworm main http://mirror.test/ bookworm\\ntrixie main http://mirror.test/ trixie"
    fake_apt(tmp_path, monkeypatch, f'printf "{listing}\\n"')
    place = f"[signed-by={debian.KEYRING}] http://mirror.test/ bookworm main"
    assert debian.host_entries() == [f"deb {place}", f"deb-src {place}"]


def test_another_distribution_is_told_what_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_apt(tmp_path, monkeypatch, "exit 0")
    with pytest.raises(PermanentError, match="run this on Debian 12"):
        debian.host_entries()


def test_without_apt_the_error_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PermanentError, match="apt-get is missing; a Debian 12 host is needed"):
        debian.host_entries()


def test_an_unreachable_archive_fails_with_apts_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse = "case \"$*\" in *indextargets*) echo 'bookworm main http://mirror.test/ bookworm';; "
    refuse += "*) echo 'E: Failed to fetch' >&2; exit 100;; esac"
    fake_apt(tmp_path, monkeypatch, refuse)
    archive = debian.DebianArchive(tmp_path / "apt", lambda _line: None)
    with pytest.raises(PermanentError, match="apt-get update failed with exit code 100:\nE: Failed to fetch"):
        archive.extract(["runc"], tmp_path / "root")


def test_missing_tools_are_named_to_who_may_not_install_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = tmp_path / "dpkg-query"
    query.write_text('#!/bin/sh\ncase "$*" in *gcc*) printf installed;; *) exit 1;; esac\n')
    query.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    debian.install_tools(["gcc"], lambda _line: None)
    with pytest.raises(PermanentError, match="needs these Debian packages: rsync;"):
        debian.install_tools(["gcc", "rsync"], lambda _line: None)
