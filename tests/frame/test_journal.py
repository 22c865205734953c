"""What the journal promises: paid once, kept through anything, shared by processes."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nbchat import Journal, batch_frame, init_chat_model, retry_errors
from nbchat.frame.journal import JournalError
from nbchat.values.errors import ConfigurationError
from tests.frame.conftest import Counted
from tests.servers import faulty, spawn

ROOT = Path(__file__).parents[2]


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
    reviews: pd.DataFrame, model: Any, asked: Counted
) -> None:
    asked.answer = lambda text, body: faulty.server_error() if text == "bad" else "fine"
    first = batch_frame(reviews, "{review}", model.bind())
    assert first.error.iloc[1].startswith("ServerError") and first.attempts.iloc[1] == 3
    assert first.attrs["nbchat"]["errors"] == 1
    asked.answer = lambda text, body: "at last"
    again = batch_frame(reviews, "{review}", model)
    assert list(again.response) == ["fine", "at last", "fine"]
    assert asked.by_text == {"good": 1, "bad": 4, "so {so}": 1}


def test_retry_errors_asks_those_rows_alone(reviews: pd.DataFrame, model: Any, asked: Counted) -> None:
    asked.answer = lambda text, body: faulty.server_error() if text != "good" else "fine"
    first = batch_frame(reviews, "{review}", model)
    asked.answer = lambda text, body: "at last"
    before = asked.total
    out = retry_errors(first.sort_values("stars"))
    assert asked.total == before + 2
    assert list(out.sort_values("stars").response) == ["at last", "at last", "fine"] and out.error.isna().all()
    assert first.error.notna().sum() == 2 and out.attrs["nbchat"]["errors"] == 0
    assert list(out.dtypes) == list(first.dtypes)


@pytest.mark.parametrize("how", [{"n": 2}, {"wide": True}, {"wide": False}])
def test_retry_errors_of_samples_and_several_models(
    how: dict[str, Any], reviews: pd.DataFrame, model: Any, asked: Counted
) -> None:
    models = [model] if "n" in how else [model, model.bind(temperature=1)]
    broken = lambda text, body: faulty.server_error() if text == "bad" and "temperature" not in body else "fine"  # noqa: E731
    asked.answer = broken
    first = batch_frame(reviews, "{review}", models, prefix="p_", **how)
    asked.answer = lambda text, body: "at last"
    out = retry_errors(first)
    errors = [name for name in out.columns if str(name).endswith("error")]
    assert first[errors].notna().sum().sum() in (1, 2) and out[errors].notna().sum().sum() == 0
    assert (out == "at last").sum().sum() == first[errors].notna().sum().sum()


def test_retry_errors_of_a_misfit_asks_again_though_it_is_in_the_journal(
    reviews: pd.DataFrame, model: Any, asked: Counted
) -> None:
    schema = {"title": "t", "type": "object", "properties": {"tone": {"type": "string"}}, "required": ["tone"]}
    asked.answer = lambda text, body: "no idea"
    first = batch_frame(reviews[:1], "{review}", model, schema=schema)
    asked.answer = lambda text, body: '{"tone": "mild"}'
    out = retry_errors(first)
    assert first.error.notna().all() and list(out.tone) == ["mild"]
    assert list(batch_frame(reviews[:1], "{review}", model, schema=schema).tone) == ["mild"]


def test_retry_errors_of_a_strange_frame_says_what_to_do(reviews: pd.DataFrame) -> None:
    with pytest.raises(ConfigurationError, match="call batch_frame"):
        retry_errors(reviews)


def test_the_journal_reads_as_a_frame(reviews: pd.DataFrame, model: Any, asked: Counted) -> None:
    asked.answer = lambda text, body: faulty.server_error() if text == "bad" else "fine"
    batch_frame(reviews, "{review}", model)
    frame = Journal(".nbchat/batch.sqlite").frame()
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


SCRIPT = """
import sys, pandas as pd, nbchat
url, rows, out, width = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
model = nbchat.init_chat_model("gpt-test", model_provider="openai", base_url=url + "/v1", api_key="k")
frame = pd.DataFrame({"q": [f"question {i}" for i in range(rows)]})
done = nbchat.batch_frame(frame, "q", model, journal="j.sqlite", max_concurrency=width, progress=False)
done.to_csv(out, index=False)
"""


def _start(url: str, rows: int, out: str, width: int = 32) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", SCRIPT, url, str(rows), out, str(width)]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_two_processes_on_one_journal_ask_each_question_once(tmp_path: Path) -> None:
    with spawn("openai", "--latency", "0.02", "--count-file", str(tmp_path / "asked")) as url:
        both = [_start(url, 300, f"out{i}.csv", width=8) for i in range(2)]
        assert [each.wait(60) for each in both] == [0, 0]
    asked = [json.loads(line) for line in (tmp_path / "asked").read_text().splitlines()]
    frames = [pd.read_csv(f"out{i}.csv") for i in range(2)]
    assert len(asked) == len(set(asked)) == 300
    pd.testing.assert_frame_equal(*frames)


def test_ten_kills_of_a_batch_lose_nothing_that_was_committed(tmp_path: Path) -> None:
    rows, asked = 2000, tmp_path / "asked"
    repeated = 0
    with spawn("openai", "--latency", "0.01", "--count-file", str(asked)) as url:
        for kill in range(10):
            before = _committed()
            process = _start(url, rows, "out.csv")
            wanted = len(before) + (rows - len(before)) * (kill + 1) // 14 // (kill + 1) + 20 * (kill % 3)
            while process.poll() is None and len(_committed()) < wanted:
                time.sleep(0.01)
            process.kill()
            process.wait()
            done, lines = _committed(), _lines(asked)
            assert not before & set(lines[repeated:]), "what was committed was asked again"
            repeated = len(lines)
            assert before <= done
        assert _start(url, rows, "out.csv").wait(60) == 0
        lines = _lines(asked)
    out = pd.read_csv("out.csv")
    assert list(out.response) == [f"You said: question {i}" for i in range(rows)]
    assert out.error.isna().all()
    assert len(lines) < rows + 10 * 70  # twice the width was under way at each kill, at the most


def _committed() -> set[str]:
    if not Path("j.sqlite").exists():
        return set()
    db = sqlite3.connect("j.sqlite")
    try:
        return {row[0] for row in db.execute("SELECT prompt FROM answers WHERE message IS NOT NULL")}
    except sqlite3.Error:
        return set()
    finally:
        db.close()


def _lines(path: Path) -> list[str]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
