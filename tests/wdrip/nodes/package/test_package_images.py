import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from wdrip.errors import PermanentError
from wdrip.nodes.package.archive import Member, write_tar
from wdrip.nodes.package.container_image import ContainerImage, write_image, write_renamed

IMAGE = ContainerImage("wdrip.local/pause:3.2", {"pause": Member(b"program", mode=0o755)}, ("/pause",))


def members_of(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        files = {}
        for member in archive:
            content = archive.extractfile(member)
            if content is not None:
                files[member.name] = content.read()
        return files


def test_an_image_is_a_docker_archive_whose_digests_hold(tmp_path: Path) -> None:
    target = tmp_path / "pause.tar"
    write_image(target, IMAGE, "amd64")
    files = members_of(target)
    (entry,) = json.loads(files["manifest.json"])
    assert entry["RepoTags"] == ["wdrip.local/pause:3.2"]
    config_bytes = files[entry["Config"]]
    assert entry["Config"] == f"{hashlib.sha256(config_bytes).hexdigest()}.json"
    config = json.loads(config_bytes)
    assert config["architecture"] == "amd64"
    assert config["config"]["Entrypoint"] == ["/pause"]
    (layer,) = entry["Layers"]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(files[layer]).hexdigest()}"]
    (tmp_path / "layer").write_bytes(files[layer])
    assert members_of(tmp_path / "layer") == {"pause": b"program"}


def test_the_same_image_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "1.tar", tmp_path / "2.tar"
    write_image(first, IMAGE, "amd64")
    write_image(second, IMAGE, "amd64")
    assert first.read_bytes() == second.read_bytes()


def test_a_published_image_gets_our_name_and_keeps_its_content(tmp_path: Path) -> None:
    published, renamed = tmp_path / "published.tar", tmp_path / "renamed.tar"
    write_image(published, IMAGE, "amd64")
    write_renamed(renamed, published, "wdrip.local/other:1")
    before, after = members_of(published), members_of(renamed)
    assert json.loads(after.pop("manifest.json"))[0]["RepoTags"] == ["wdrip.local/other:1"]
    before.pop("manifest.json")
    assert after == before


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "page.tar"
    source.write_text("<html>not found</html>")
    with pytest.raises(PermanentError, match=r"page\.tar is no docker-archive: tar: "):
        write_renamed(tmp_path / "target.tar", source, "wdrip.local/a:1")


def test_no_member_leaves_the_scratch_directory(tmp_path: Path) -> None:
    source = tmp_path / "work/source.tar"
    source.parent.mkdir()
    with tarfile.open(source, "w") as archive:
        for name in ("../../outside", str(tmp_path / "absolute")):
            archive.addfile(tarfile.TarInfo(name))
    with pytest.raises(PermanentError, match="no docker-archive"):
        write_renamed(source.parent / "target.tar", source, "wdrip.local/a:1")
    assert [path.name for path in tmp_path.iterdir()] == ["work"]


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"something": Member(b"else")}, "no docker-archive"),
        ({"manifest.json": Member(b"[{}, {}]")}, "exactly one image"),
    ],
)
def test_what_is_not_one_image_is_refused(tmp_path: Path, members: dict[str, Member], problem: str) -> None:
    source = tmp_path / "source.tar"
    with source.open("wb") as output:
        write_tar(output, members)
    with pytest.raises(PermanentError, match=problem):
        write_renamed(tmp_path / "target.tar", source, "wdrip.local/a:1")
