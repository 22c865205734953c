"""What the journal promises: paid once, kept through anything, shared by processes."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nbchat import Journal, SQLiteCache, batch_frame, init_chat_model
from nbchat.frame.journal import JournalError
from nbchat.values.errors import ConfigurationError
from tests.frame.conftest import Counted
from tests.frame.process import ended, start
from tests.servers import OpenAIServer, faulty


def test_the_same_call_again_asks_nothing_and_gives_the_same_frame(
    reviews: pd.DataFrame, model: Any, asked: Counted
) -> None:
    first = batch_frame(reviews, "{review}", model, include=["message"])
    again = batch_frame(reviews, "{review}", model, include=["message"])
    assert asked.total == 3 and Path(".nbchat/batch.sqlite").exists()
    pd.testing.assert_frame_equal(first, again)
    assert first.message.iloc[0] == again.message.iloc[0]
    assert again.attrs["nbchat"]["requests"] == 0 and again.attrs["nbchat"]["cost_usd"] == 0


def test_a_reordered_or_extended_frame_asks_only_what_is_new(reviews: pd.DataFrame, model: Any, asked: Counted) -> None:
    batch_frame(reviews, "{review}", model)
    more = pd.concat([reviews[::-1], pd.DataFrame({"review": ["new"]})])
    out = batch_frame(more, "{review}", model)
    assert asked.by_text["new"] == 1 and asked.total == 4
    assert list(out.response) == ["You said: so {so}", "You said: bad", "You said: good", "You said: new"]


@pytest.mark.parametrize("change", [{"temperature": 0}, {"system": "Be brief."}, {"prompt": "Tone: {review}"}])
def test_a_changed_prompt_or_parameter_is_asked_anew(
    change: dict[str, Any], reviews: pd.DataFrame, model: Any, asked: Counted
) -> None:
    batch_frame(reviews, "{review}", model)
    batch_frame(reviews, **{"prompt": "{review}", "model": model, **change})
    assert asked.total == 6


def test_no_journal_leaves_no_file(reviews: pd.DataFrame, model: Any, asked: Counted) -> None:
    for _ in range(2):
        out = batch_frame(reviews, "{review}", model, journal=None)
    assert asked.total == 6 and os.listdir() == [] and out.attrs["nbchat"]["journal"] is None


def test_no_key_is_in_the_file(reviews: pd.DataFrame, server: Any) -> None:
    secret = "sk-" + "s3cret" * 8
    model = init_chat_model("gpt-test", model_provider="openai", base_url=server.base_url, api_key=secret)
    batch_frame(reviews, "{review}", model)
    held = b"".join(path.read_bytes() for path in Path(".nbchat").iterdir())
    assert secret.encode() not in held and b"You said" in held


def test_what_failed_is_asked_again_and_what_was_answered_is_not(
    reviews: pd.DataFrame, hasty: Any, asked: Counted
) -> None:
    asked.answer = lambda text, body: faulty.server_error() if text == "bad" else "fine"
    first = batch_frame(reviews, "{review}", hasty)
    assert first.error.iloc[1].startswith("ServerError") and first.attempts.iloc[1] == 1
    assert first.attrs["nbchat"]["errors"] == 1
    asked.answer = lambda text, body: "at last"
    again = batch_frame(reviews, "{review}", hasty)
    assert list(again.response) == ["fine", "at last", "fine"]
    assert asked.by_text == {"good": 1, "bad": 2, "so {so}": 1}


def test_the_journal_reads_as_a_frame(reviews: pd.DataFrame, hasty: Any, asked: Counted) -> None:
    asked.answer = lambda text, body: faulty.server_error() if text == "bad" else "fine"
    batch_frame(reviews, "{review}", hasty)
    with Journal(".nbchat/batch.sqlite") as journal:
        frame = journal.frame()
    assert set(frame.prompt) == set(reviews.review) and frame.index.is_unique
    assert frame.set_index("prompt").response["good"] == "fine"
    assert frame.set_index("prompt").error["bad"].startswith("ServerError")
    assert (frame.saved > pd.Timestamp("2026-01-01", tz="UTC")).all()


def test_a_journal_that_is_locked_for_a_while_is_waited_for(
    model: Any, asked: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbchat.frame.journal.BUSY_S", 0.05)
    journal = Journal("j.sqlite")
    other = sqlite3.connect("j.sqlite", isolation_level=None, check_same_thread=False)
    release = threading.Timer(0.6, lambda: other.execute("COMMIT"))

    def lock_once(text: str, body: Any) -> str:
        if not release.is_alive() and not release.finished.is_set():
            other.execute("BEGIN IMMEDIATE")
            release.start()
        return "fine"

    asked.answer = lock_once
    seen_while_locked = []
    rows = pd.DataFrame({"q": list("abc")})
    out = batch_frame(
        rows, "q", model, journal=journal, on_row=lambda row: seen_while_locked.append(other.in_transaction)
    )
    assert list(out.response) == ["fine"] * 3 and len(journal.frame()) == 3
    assert seen_while_locked == [False] * 3 and asked.total == 3
    other.close()


def test_a_damaged_row_is_asked_again(reviews: pd.DataFrame, model: Any, asked: Counted) -> None:
    batch_frame(reviews, "{review}", model)
    with sqlite3.connect(".nbchat/batch.sqlite") as db:
        db.execute('UPDATE answers SET message = \'{"type": "ai", "cont\' WHERE prompt = \'good\'')
    out = batch_frame(reviews, "{review}", model)
    assert out.response.notna().all() and asked.by_text["good"] == 2


def test_a_journal_that_was_closed_is_told(reviews: pd.DataFrame, model: Any) -> None:
    journal = Journal("j.sqlite")
    journal.close()
    with pytest.raises(JournalError):
        batch_frame(reviews, "{review}", model, journal=journal)


def test_a_journal_that_cannot_be_closed_properly_costs_nobody_the_frame(
    reviews: pd.DataFrame, model: Any, asked: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbchat.frame.journal.BUSY_S", 0.05)
    other: list[sqlite3.Connection] = []

    def lock(row: Any) -> None:
        if not other:
            other.append(sqlite3.connect(".nbchat/batch.sqlite", isolation_level=None))
            other[0].execute("BEGIN IMMEDIATE")

    out = batch_frame(reviews[:1], "{review}", model, on_row=lock)
    assert out.response.notna().all()
    other[0].close()


def test_what_a_stopped_batch_had_claimed_is_free_for_others(model: Any, asked: Counted) -> None:
    rows = pd.DataFrame({"q": [f"question {i}" for i in range(50)]})
    journal = Journal("j.sqlite")
    stopped = batch_frame(rows, "q", model, journal=journal, on_row=_interrupt, max_concurrency=2)
    assert stopped.attrs["nbchat"]["left"] > 0
    assert batch_frame(rows, "q", model, journal="j.sqlite").response.notna().all()


def _interrupt(row: Any) -> None:
    raise KeyboardInterrupt


def test_threads_may_share_an_open_journal(model: Any, asked: Counted) -> None:
    journal = Journal("j.sqlite")
    rows = [pd.DataFrame({"q": [f"{part}: {i}" for i in range(60)]}) for part in range(4)]
    with ThreadPoolExecutor(4) as pool:
        outs = list(pool.map(lambda part: batch_frame(part, "q", model, journal=journal, progress=False), rows))
    assert all(out.response.notna().all() for out in outs) and len(journal.frame()) == asked.total == 240


def test_two_processes_on_one_journal_ask_each_question_once(server: OpenAIServer, asked: Counted) -> None:
    asked.answer = lambda text, body: asked.slow(f"You said: {text}", 0.02)
    both = [start(server.base_url, 300, f"out{i}.csv", width=8) for i in range(2)]
    assert [ended(each) for each in both] == [0, 0]
    assert len(asked.by_text) == asked.total == 300
    pd.testing.assert_frame_equal(*(pd.read_csv(f"out{i}.csv") for i in range(2)))


def test_a_process_that_was_killed_holds_nothing_also_before_its_parent_has_noticed() -> None:
    claiming = "import nbchat, time; print(nbchat.Journal('j.sqlite').claim(['a'])); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-uc", claiming], stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == b"set()\n"
    with Journal("j.sqlite") as journal:
        assert journal.claim(["a"]) == {"a"}
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and is not reaped
        assert journal.claim(["a"]) == set()
    process.communicate()


def test_ten_kills_at_random_moments_lose_nothing_that_was_committed(server: OpenAIServer, asked: Counted) -> None:
    rows, chance = 2000, random.Random(7)
    seen: list[str] = []

    def answer(text: str, body: Any) -> Any:
        seen.append(text)
        return asked.slow(f"You said: {text}", 0.01)

    asked.answer = answer
    for _ in range(10):
        before, begun = committed(), len(seen)
        wanted = len(before) + chance.randrange(170)
        process = start(server.base_url, rows, "out.csv")
        while process.is_alive() and len(committed()) < wanted:
            time.sleep(0.01)
        time.sleep(chance.random() * 0.05)
        process.kill()
        process.join()
        asked_now = seen[begun:]
        assert len(asked_now) == len(set(asked_now)) and not before & set(asked_now), "paid for twice"
        assert before <= committed()
    before, begun = committed(), len(seen)
    assert 0 < len(before) < rows
    assert ended(start(server.base_url, rows, "out.csv")) == 0
    assert not before & set(seen[begun:]), "what was committed was asked again"
    out = pd.read_csv("out.csv")
    assert list(out.response) == [f"You said: question {i}" for i in range(rows)]
    assert out.error.isna().all()
    assert len(seen) <= rows + 10 * 64  # twice the width was under way at each kill, at the most


def test_a_journal_is_no_cache_and_a_cache_no_journal(
    reviews: pd.DataFrame, server: OpenAIServer, model: Any, asked: Counted
) -> None:
    def caching(path: str) -> Any:
        cache = SQLiteCache(path)
        return init_chat_model(
            "gpt-4o-mini", model_provider="openai", base_url=server.base_url, api_key="k", cache=cache
        )

    batch_frame(reviews, "{review}", model, journal="j.sqlite")
    caching("c.sqlite").invoke("hi")
    before = asked.total
    with pytest.raises(
        ConfigurationError, match=r"j\.sqlite is the journal of a batch, and no cache: give the cache another file"
    ):
        caching("j.sqlite").invoke("hi")
    with pytest.raises(
        JournalError, match=r"c\.sqlite is a cache of answers, and no journal.*give another file, journal="
    ):
        batch_frame(reviews, "{review}", model, journal="c.sqlite")
    assert asked.total == before
    with Journal("j.sqlite") as journal:
        assert len(journal.frame()) == 3


def committed() -> set[str]:
    """The prompts that have their answers in the journal."""
    if not Path("j.sqlite").exists():
        return set()
    db = sqlite3.connect("j.sqlite")
    try:
        return {row[0] for row in db.execute("SELECT prompt FROM answers WHERE message IS NOT NULL")}
    except sqlite3.Error:  # it is being made
        return set()
    finally:
        db.close()
