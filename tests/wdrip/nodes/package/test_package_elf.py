from pathlib import Path

from wdrip.nodes.package.elf import minimum_glibc


def test_the_newest_symbol_version_decides(tmp_path: Path) -> None:
    old, new, static = tmp_path / "old", tmp_path / "new", tmp_path / "static"
    old.write_bytes(b"\x7fELF\0GLIBC_2.9\0GLIBC_2.2.5\0")
    new.write_bytes(b"\x7fELF\0GLIBC_2.34\0GLIBC_2.4\0")
    static.write_bytes(b"\x7fELF\0GLIBC_TUNABLES\0")
    assert minimum_glibc([old, new, static]) == "2.34"
    assert minimum_glibc([old]) == "2.9"
    assert minimum_glibc([static]) is None
