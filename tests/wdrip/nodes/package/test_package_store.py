import errno
import threading
from pathlib import Path

import pytest

from wdrip.errors import PermanentError
from wdrip.nodes.package.store import cached, damaged, exclusive, recorded_sha256, sha256_of


class Builder:
    def __init__(self, failure: BaseException | None = None) -> None:
        self.runs = 0
        self.failure = failure

    def __call__(self, target: Path) -> None:
        self.runs += 1
        (target / "bin").mkdir()
        (target / "bin/tool").write_text("tool")
        (target / "list").write_text("list")
        if self.failure:
            raise self.failure


def quiet(_line: str) -> None:
    pass


def test_a_result_is_made_once(tmp_path: Path) -> None:
    builder = Builder()
    directory = tmp_path / "things" / "tool-1"
    assert cached(directory, builder, quiet) == directory
    assert cached(directory, builder, quiet) == directory
    assert builder.runs == 1
    assert recorded_sha256(directory / "list") == sha256_of(directory / "list")


@pytest.mark.parametrize("failure", [PermanentError("apt is not there"), KeyboardInterrupt()])
def test_a_failed_build_leaves_nothing_under_the_name(tmp_path: Path, failure: BaseException) -> None:
    directory = tmp_path / "tool-1"
    with pytest.raises(type(failure)):
        cached(directory, Builder(failure), quiet)
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []
    assert cached(directory, Builder(), quiet).is_dir()


def test_a_full_disk_is_told_in_words(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(PermanentError, match=r"No space left on device; check free space"):
        cached(tmp_path / "tool-1", Builder(full), quiet)


def test_what_a_killed_build_left_is_removed(tmp_path: Path) -> None:
    leftover = tmp_path / ".tool-1.part-dead"
    leftover.mkdir()
    cached(tmp_path / "tool-1", Builder(), quiet)
    assert not leftover.exists()


@pytest.mark.parametrize("damage", ["change", "remove", "no checksums", "broken checksums"])
def test_a_damaged_result_is_made_anew_and_said_to_be(tmp_path: Path, damage: str) -> None:
    builder = Builder()
    directory = cached(tmp_path / "tool-1", builder, quiet)
    match damage:
        case "change":
            (directory / "bin/tool").write_text("TOOL")
        case "remove":
            (directory / "bin/tool").unlink()
        case "no checksums":
            (directory / "checksums.json").unlink()
        case "broken checksums":
            (directory / "checksums.json").write_text("{")
    said: list[str] = []
    cached(directory, builder, said.append)
    assert builder.runs == 2
    assert (directory / "bin/tool").read_text() == "tool"
    assert damaged(directory) is None
    assert "damaged" in said[0]


def test_two_runs_make_it_once(tmp_path: Path) -> None:
    waiting = threading.Event()
    builder = Builder()
    directory = tmp_path / "tool-1"

    def first(target: Path) -> None:
        second.start()
        assert waiting.wait(10)
        builder(target)

    second = threading.Thread(target=cached, args=(directory, builder, lambda _line: waiting.set()))
    cached(directory, first, quiet)
    second.join(10)
    assert not second.is_alive()
    assert builder.runs == 1


def test_waiting_for_another_run_has_an_end(tmp_path: Path) -> None:
    directory = tmp_path / "tool-1"
    with (
        exclusive(directory, quiet),
        pytest.raises(PermanentError, match="another run has been making tool-1"),
        exclusive(directory, quiet, deadline=0),
    ):
        pass
