import stat
import threading
from pathlib import Path

import pytest

from localcloud.images import ImageError, prepare, rootfs
from localcloud.images.recipe import ImageFile, Recipe, machine_recipe
from localcloud.images.store import exclusive, image_directory

RECIPE = Recipe(
    codename="bookworm",
    packages=("systemd",),
    files=(
        ImageFile("etc/resolv.conf", "# none\n"),
        ImageFile("usr/local/sbin/hello", "#!/bin/sh\n", 0o755),
        ImageFile("etc/systemd/system/hello.service", "[Install]\nWantedBy=multi-user.target\n"),
    ),
    enabled_units=("hello.service",),
    masked_units=("getty.target",),
    removed=("etc/hostname",),
)


class Bootstrap:
    """Stands for mmdebstrap: fills the directory with a little of what it would."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.runs = 0
        self.failure = failure
        self.outside: Path | None = None

    def __call__(self, recipe: Recipe, target: Path, report: prepare.Report) -> None:
        self.runs += 1
        (target / "etc").mkdir(parents=True)
        (target / "etc/hostname").write_text("the-host\n")
        if self.outside:
            (target / "etc/resolv.conf").symlink_to(self.outside)
        if self.failure:
            raise self.failure


def quiet(_line: str) -> None:
    pass


def test_the_image_gets_its_files_and_units(tmp_path: Path) -> None:
    root = prepare.prepare(tmp_path, quiet, RECIPE, Bootstrap())
    assert root == image_directory(tmp_path, RECIPE) / "rootfs"
    assert (root / "etc/resolv.conf").read_text() == "# none\n"
    assert stat.S_IMODE((root / "usr/local/sbin/hello").stat().st_mode) == 0o755
    wanted = root / "etc/systemd/system/multi-user.target.wants/hello.service"
    assert str(wanted.readlink()) == "/etc/systemd/system/hello.service"
    assert str((root / "etc/systemd/system/getty.target").readlink()) == "/dev/null"
    assert not (root / "etc/hostname").exists()


def test_a_file_replaces_a_link_instead_of_writing_where_it_points(tmp_path: Path) -> None:
    bootstrap = Bootstrap()
    bootstrap.outside = tmp_path / "host-resolv.conf"
    bootstrap.outside.write_text("nameserver of the host\n")
    root = prepare.prepare(tmp_path, quiet, RECIPE, bootstrap)
    assert bootstrap.outside.read_text() == "nameserver of the host\n"
    assert (root / "etc/resolv.conf").read_text() == "# none\n"


def test_the_second_run_makes_nothing_and_says_nothing(tmp_path: Path) -> None:
    bootstrap = Bootstrap()
    first = prepare.prepare(tmp_path, quiet, RECIPE, bootstrap)
    said: list[str] = []
    assert prepare.prepare(tmp_path, said.append, RECIPE, bootstrap) == first
    assert bootstrap.runs == 1
    assert said == []


def test_a_failed_run_leaves_nothing_and_the_next_one_succeeds(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no archive"):
        prepare.prepare(tmp_path, quiet, RECIPE, Bootstrap(ImageError("no archive")))
    assert [path.name for path in (tmp_path / "images").iterdir() if path.is_dir()] == []
    assert prepare.prepare(tmp_path, quiet, RECIPE, Bootstrap()).is_dir()


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    leftover = tmp_path / "images" / f".{RECIPE.digest()}.part-dead" / "rootfs"
    leftover.mkdir(parents=True)
    prepare.prepare(tmp_path, quiet, RECIPE, Bootstrap())
    assert not leftover.parent.exists()


def test_a_run_waits_for_another_that_makes_the_same_image(tmp_path: Path) -> None:
    waiting = threading.Event()
    bootstrap = Bootstrap()
    roots: list[Path] = []

    def second_run() -> None:
        roots.append(prepare.prepare(tmp_path, lambda _line: waiting.set(), RECIPE, bootstrap))

    directory = image_directory(tmp_path, RECIPE)
    with exclusive(directory, quiet):
        runner = threading.Thread(target=second_run)
        runner.start()
        assert waiting.wait(10)
        assert bootstrap.runs == 0
        (directory / "rootfs").mkdir(parents=True)
    runner.join(10)
    assert roots == [directory / "rootfs"]
    assert bootstrap.runs == 0


def test_waiting_for_another_run_has_an_end(tmp_path: Path) -> None:
    directory = image_directory(tmp_path, RECIPE)
    with (
        exclusive(directory, quiet),
        pytest.raises(ImageError, match="another run has held"),
        exclusive(directory, quiet, deadline=0),
    ):
        pass


def test_looking_up_an_image_that_was_never_made_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"python -m localcloud\.images prepare"):
        rootfs(tmp_path)
    made = image_directory(tmp_path, machine_recipe()) / "rootfs"
    made.mkdir(parents=True)
    assert rootfs(tmp_path) == made
