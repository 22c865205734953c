"""The cache in a file: never fatal, never silently emptied, and shared by processes and threads."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from nbchat import AIMessage, SQLiteCache, init_chat_model
from tests.servers import OpenAIServer


def model(server: OpenAIServer, **more: Any) -> Any:
    return init_chat_model("gpt-test", model_provider="openai", base_url=server.base_url, api_key="k", **more)


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"\0" * 5000])
def test_a_corrupt_file_is_set_aside_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.sqlite"
    path.write_bytes(content)
    cache = SQLiteCache(path)
    with pytest.warns(RuntimeWarning, match="aside"):
        assert cache.lookup("a") is None
    cache.update("a", AIMessage("kept"))
    found = cache.lookup("a")
    assert found is not None
    assert found.text == "kept"
    assert [p.read_bytes() for p in tmp_path.glob("*aside*")] == [content]
    cache.close()


def test_a_file_of_another_version_is_set_aside_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE answers (x)")
        other.execute("PRAGMA user_version = 99")
    cache = SQLiteCache(path)
    with pytest.warns(RuntimeWarning, match="version 99"):
        cache.update("a", AIMessage("kept"))
    assert cache.lookup("a") == AIMessage("kept")
    assert list(tmp_path.glob("*aside*"))
    cache.close()


def test_a_locked_file_is_never_fatal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nbchat.io.sqlite_cache.BUSY_S", 0.05)
    path = tmp_path / "c.sqlite"
    SQLiteCache(path).update("a", AIMessage("kept"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    cache = SQLiteCache(path)
    with OpenAIServer(lambda body: "fine") as server, pytest.warns(RuntimeWarning, match="locked"):
        assert model(server, cache=cache).invoke("hi").text == "fine"
    other.close()
    assert cache.lookup("a") == AIMessage("kept")
    cache.close()


def test_a_locked_file_is_waited_for_once_not_by_every_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nbchat.io.sqlite_cache.BUSY_S", 0.5)
    path = tmp_path / "c.sqlite"
    cache = SQLiteCache(path)
    cache.update("a", AIMessage("kept"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.warns(RuntimeWarning, match="locked"):
        cache.update("b", AIMessage("lost"))
    began = time.monotonic()
    for n in range(20):
        assert cache.lookup("a") is not None  # which a writer does not lock out
        cache.update(str(n), AIMessage("lost"))
    assert time.monotonic() - began < 20 * 0.5 / 2
    other.execute("ROLLBACK")
    cache.update("c", AIMessage("kept"))
    assert [bool(cache.lookup(key)) for key in "abc"] == [True, False, True]
    cache.close()


@pytest.mark.parametrize("row", ["{bad", "[]", "3", '{"type": "poet"}', '{"type": "human", "content": "x"}'])
def test_a_row_that_holds_no_answer_is_asked_again(tmp_path: Path, row: str) -> None:
    cache = SQLiteCache(tmp_path / "c.sqlite")
    with OpenAIServer(lambda body: "fine") as server:
        chat = model(server, cache=cache)
        chat.invoke("hi")
        with sqlite3.connect(tmp_path / "c.sqlite") as other:
            other.execute("UPDATE answers SET message = ?", (row,))
        assert "from_cache" not in chat.invoke("hi").timing
        assert "from_cache" in chat.invoke("hi").timing
    other.close()
    cache.close()


def test_a_folder_that_cannot_be_made_is_never_fatal(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = SQLiteCache(tmp_path / "file" / "c.sqlite")
    with pytest.warns(RuntimeWarning, match="cannot make the folder"):
        assert cache.lookup("a") is None


def test_several_processes_and_threads_share_one_file(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    code = (
        "import sys; from nbchat import SQLiteCache, AIMessage\n"
        "cache = SQLiteCache(sys.argv[1])\n"
        "for n in range(50): cache.update(f'{sys.argv[2]}-{n}', AIMessage(str(n)))\n"
    )
    workers = [subprocess.Popen([sys.executable, "-c", code, str(path), str(k)]) for k in range(3)]
    cache = SQLiteCache(path)
    threads = [
        threading.Thread(target=lambda k=k: [cache.update(f"t{k}-{n}", AIMessage("x")) for n in range(50)])
        for k in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    keys = [f"{k}-{n}" for k in range(3) for n in range(50)] + [f"t{k}-{n}" for k in range(4) for n in range(50)]
    assert all(cache.lookup(key) for key in keys)
    cache.close()
