"""Sealed objects open only with their key, for their purpose, unchanged."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wdrip.errors import PermanentError
from wdrip.security.sealing import MasterKey, key_from, seal, unseal

KEY = MasterKey(bytes(range(32)))


@given(content=st.binary(max_size=2000), purpose=st.text(max_size=40))
def test_what_was_sealed_is_unsealed(content: bytes, purpose: str) -> None:
    assert unseal(seal(content, KEY, purpose), KEY, purpose) == content


def test_the_content_does_not_show() -> None:
    assert b"very secret" not in seal(b"very secret", KEY, "a")


def test_two_sealings_of_one_content_differ() -> None:
    assert seal(b"same", KEY, "a") != seal(b"same", KEY, "a")


def test_another_key_is_named_in_the_refusal() -> None:
    other = MasterKey(bytes(32))
    with pytest.raises(PermanentError, match=f"another key \\(id {KEY.id}, this one is {other.id}\\)"):
        unseal(seal(b"x", KEY, "a"), other, "a")


def test_an_object_moved_to_another_name_is_refused() -> None:
    with pytest.raises(PermanentError, match="b is damaged, or is not the object"):
        unseal(seal(b"x", KEY, "a"), KEY, "b")


@pytest.mark.parametrize("part", ["dataKey", "content"])
def test_a_flipped_bit_is_refused(part: str) -> None:
    envelope = json.loads(seal(b"content", KEY, "a"))
    first = envelope[part][0]
    envelope[part] = ("B" if first == "A" else "A") + envelope[part][1:]
    with pytest.raises(PermanentError, match="a is damaged"):
        unseal(json.dumps(envelope).encode(), KEY, "a")


@pytest.mark.parametrize("damaged", [b"", b"{}", b"[]", b"not json", b'{"version": 1, "keyId": "x"}'])
def test_what_is_no_sealed_object_is_refused(damaged: bytes) -> None:
    with pytest.raises(PermanentError, match="a is damaged: not a sealed object"):
        unseal(damaged, KEY, "a")


def test_a_newer_format_is_refused() -> None:
    envelope = {**json.loads(seal(b"x", KEY, "a")), "version": 2}
    with pytest.raises(PermanentError, match="newer wdrip"):
        unseal(json.dumps(envelope).encode(), KEY, "a")


def test_a_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "encryption.key"
    first = key_from(path)
    assert key_from(path) == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["encryption.key"]


@pytest.mark.parametrize("text", ["", "c2hvcnQ=\n", "no base64 ü"])
def test_a_key_file_that_holds_no_key_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "encryption.key"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PermanentError, match="encryptionKeyFile"):
        key_from(path)
