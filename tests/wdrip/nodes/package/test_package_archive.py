import io
import os
import tarfile
from pathlib import Path

from wdrip.nodes.package.archive import MODIFIED, Member, tree_members, write_package_archive, write_tar


def written(members: dict[str, Member]) -> bytes:
    target = io.BytesIO()
    write_tar(target, members)
    return target.getvalue()


def test_the_same_files_give_the_same_bytes_whatever_their_times_and_order(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for path, modified in ((one, 1_000_000_000), (other, 1_700_000_000)):
        path.write_text("content")
        os.utime(path, (modified, modified))
    members = {"bin/a": Member(one, mode=0o755), "bin/b": Member(b"b")}
    reordered = {"bin/b": Member(b"b"), "bin/a": Member(other, mode=0o755)}
    packages = [tmp_path / "1.tar.gz", tmp_path / "2.tar.gz"]
    for target, given in zip(packages, (members, reordered), strict=True):
        write_package_archive(target, given)
    assert packages[0].read_bytes() == packages[1].read_bytes()


def test_members_keep_content_mode_and_links_and_belong_to_root(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    members = {"bin/program": Member(program, mode=0o755), "bin/alias": Member(link="program")}
    with tarfile.open(fileobj=io.BytesIO(written(members))) as archive:
        found = {member.name: member for member in archive}
        content = archive.extractfile("bin/program")
        assert content is not None
        assert content.read() == b"\x7fELF"
    assert list(found) == ["bin", "bin/alias", "bin/program"]
    assert found["bin"].isdir()
    assert found["bin/program"].mode == 0o755
    assert found["bin/alias"].linkname == "program"
    assert {(member.uid, member.gid, member.mtime) for member in found.values()} == {(0, 0, MODIFIED)}


def test_a_tree_becomes_members_with_its_modes_and_links(tmp_path: Path) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/tool").write_text("#!/bin/sh\n")
    (tmp_path / "usr/bin/tool").chmod(0o750)
    (tmp_path / "usr/bin/again").symlink_to("/usr/bin/tool")
    members = tree_members(tmp_path, "layer/")
    assert members == {
        "layer/usr/bin/again": Member(link="/usr/bin/tool"),
        "layer/usr/bin/tool": Member(tmp_path / "usr/bin/tool", mode=0o750),
    }
