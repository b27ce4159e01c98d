from pathlib import Path

import pytest

from localcloud.images import ImageError, debian


def fake_apt(directory: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = directory / "apt-get"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")


def test_entries_are_those_that_debian_signs_for_the_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        "bookworm main http://mirror.test/debian/ bookworm",
        "bookworm-updates main http://mirror.test/debian/ bookworm-updates",
        "bookworm contrib http://mirror.test/debian/ bookworm",
        "trixie main http://mirror.test/debian/ trixie",
        "bookworm main http://mirror.test/debian/ bookworm",
    ]
    listing = "\\n".join(lines)
    fake_apt(tmp_path, monkeypatch, f'case "$*" in *"Origin: Debian"*) printf "{listing}\\n";; esac')
    signed = f"deb [signed-by={debian.KEYRING}]"
    assert debian.archive_entries("bookworm") == [
        f"{signed} http://mirror.test/debian/ bookworm main",
        f"{signed} http://mirror.test/debian/ bookworm-updates main",
    ]


def test_a_new_host_updates_its_lists_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = tmp_path / "updated"
    line = "bookworm main http://mirror.test/debian/ bookworm"
    fake_apt(
        tmp_path,
        monkeypatch,
        f'case "$*" in *update*) touch {marker};; *) [ ! -e {marker} ] || echo "{line}";; esac',
    )
    assert len(debian.archive_entries("bookworm")) == 1


def test_a_host_without_such_a_source_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_apt(tmp_path, monkeypatch, "exit 0")
    with pytest.raises(ImageError, match="no package source for Debian bookworm"):
        debian.archive_entries("bookworm")


def test_apts_own_words_are_in_the_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_apt(tmp_path, monkeypatch, "echo 'E: Temporary failure resolving' >&2; exit 100")
    with pytest.raises(ImageError, match="exit code 100:\nE: Temporary failure resolving"):
        debian.archive_entries("bookworm")
