import asyncio
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from localcloud.core.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "state.sqlite")


def test_documents_come_back_by_kind_and_id(store: Store) -> None:
    store.put("vpc", "a", {"Name": "嗨", "n": [1, None]})
    store.put("eip", "a", {})

    assert store.get("vpc", "a") == {"Name": "嗨", "n": [1, None]}
    assert store.get("vpc", "b") is None
    store.delete("vpc", "a")
    store.delete("vpc", "a")
    assert store.list("vpc") == []
    assert store.list("eip") == [{}]


def test_a_list_keeps_the_order_of_first_insertion(store: Store) -> None:
    for identity in ("b", "a", "c"):
        store.put("k", identity, {"id": identity})
    store.put("k", "a", {"id": "a", "changed": True})

    assert [document["id"] for document in store.list("k")] == ["b", "a", "c"]


def test_a_scan_is_in_byte_order_and_bounded(store: Store) -> None:
    for identity in ("b", "a", "\U0001f600", "嗨", "aa"):
        store.put("k", identity, {})

    assert [identity for identity, _ in store.scan("k")] == ["a", "aa", "b", "嗨", "\U0001f600"]
    assert [identity for identity, _ in store.scan("k", at_least="aa", below="嗨")] == ["aa", "b"]
    assert [identity for identity, _ in store.scan("k", limit=2)] == ["a", "aa"]


def test_a_transaction_is_all_or_nothing(store: Store) -> None:
    def change(fail: bool) -> None:
        with store.transaction():
            store.put("k", "a", {})
            with store.transaction():
                store.put("k", "b", {})
            if fail:
                raise ValueError

    with pytest.raises(ValueError):
        change(fail=True)
    assert store.list("k") == []
    change(fail=False)
    assert len(store.list("k")) == 2


async def test_a_transaction_across_an_await_is_refused(store: Store) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        with store.transaction():
            entered.set()
            await leave.wait()

    holder = asyncio.create_task(hold())
    await entered.wait()
    with pytest.raises(RuntimeError, match="across an await"):
        store.put("k", "a", {})
    leave.set()
    await holder
    store.put("k", "a", {})


def test_threads_wait_for_each_other(store: Store) -> None:
    def add(name: str) -> None:
        for number in range(20):
            with store.transaction():
                store.put("k", f"{name}{number}", {})

    threads = [threading.Thread(target=add, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(store.list("k")) == 60


def test_what_was_put_survives_kill_9(tmp_path: Path) -> None:
    program = (
        "import os, sys, pathlib; from localcloud.core.store import Store\n"
        "store = Store(pathlib.Path(sys.argv[1]))\n"
        "store.put('k', 'done', {})\n"
        "with store.transaction():\n"
        "    store.put('k', 'half', {})\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    path = tmp_path / "state.sqlite"

    ended = subprocess.run([sys.executable, "-c", program, str(path)], check=False, timeout=30)

    assert ended.returncode == -signal.SIGKILL
    assert [identity for identity, _ in Store(path).scan("k")] == ["done"]
