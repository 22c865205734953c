"""The same call on a dask DataFrame: partitions on a cluster of processes."""

from __future__ import annotations

import _thread
import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import dask.dataframe as dd
import pandas as pd
import pytest
from distributed import Client, LocalCluster
from pydantic import BaseModel

from nbchat import Journal, batch_frame, init_chat_model, retry_errors
from nbchat.values.errors import ConfigurationError
from tests.frame.conftest import Counted
from tests.servers import OpenAIServer, Reply, openai_answer, spawn

PROVIDER = {"mode": "provider"}
ROOT = Path(__file__).parents[2]
ROWS = pd.DataFrame({"q": [f"question {i}" for i in range(400)], "n": range(400)})


class Tone(BaseModel):
    """What a row is answered with."""

    tone: str
    sure: bool


@pytest.fixture(scope="module")
def cluster() -> Iterator[Client]:
    """Two worker processes."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def counted(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server's address, and the file of what it was asked."""
    with spawn("openai", "--latency", "0.02", "--count-file", str(tmp_path / "asked")) as url:
        yield url, tmp_path / "asked"


def _model(url: str) -> Any:
    return init_chat_model("gpt-test", model_provider="openai", base_url=f"{url}/v1", api_key="sk-given-here")


def _asked(path: Path) -> Counter[str]:
    return Counter(json.loads(line) for line in path.read_text().splitlines()) if path.exists() else Counter()


def test_partitions_run_on_the_workers_and_their_journals_become_one(
    cluster: Client, counted: tuple[str, Path]
) -> None:
    url, asked = counted
    frame = dd.from_pandas(ROWS, npartitions=5)
    out = batch_frame(frame, "Hi {q}", _model(url), journal="j.sqlite")
    assert isinstance(out, dd.DataFrame) and out.divisions == frame.divisions
    whole = out.compute()
    assert list(whole.response) == [f"You said: Hi {q}" for q in ROWS.q] and list(whole.n) == list(ROWS.n)
    assert list(whole.dtypes) == list(out.dtypes)
    assert len(Journal("j.sqlite").frame()) == 400 and not Path("j.sqlite.parts").exists()
    before = _asked(asked)
    plain = batch_frame(ROWS, "Hi {q}", _model(url), journal="j.sqlite")  # without dask, of the same journal
    again = batch_frame(dd.from_pandas(ROWS, npartitions=3), "Hi {q}", _model(url), journal="j.sqlite").compute()
    assert _asked(asked) == before and max(before.values()) == 1
    added = plain.columns[2:]
    pd.testing.assert_frame_equal(plain[added], whole[added])
    pd.testing.assert_frame_equal(again[added], whole[added])


def test_whatever_the_partitions_hold_the_frame_is_what_its_meta_says(
    cluster: Client, counted: tuple[str, Path]
) -> None:
    model, frame = _model(counted[0]), dd.from_pandas(ROWS[:12], npartitions=3)
    some, none = frame[frame.n > 5], frame[frame.n > 50]  # with an empty partition, with nothing else
    kinds: list[tuple[Any, dict[str, Any]]] = [
        (frame, {}),
        (some, {"schema": Tone, "include": ["message"]}),
        (some, {"n": 2, "prefix": "a_"}),
        (none, {"schema": Tone}),
        (none, {}),
    ]
    for rows, given in kinds:
        out = rows.chat.batch("{q}", model, journal="j.sqlite", progress=False, **given)
        whole = out.compute()
        assert list(whole.dtypes) == list(out.dtypes) and len(whole) == len(rows) * given.get("n", 1)
        assert out.attrs["nbchat"]["rows"] == len(whole) and out.attrs["nbchat"]["left"] == 0
    series = frame.q.chat.batch(model=model, journal="j.sqlite", progress=False).compute()
    assert list(series.q) == list(ROWS.q[:12]) and series.response.notna().all()
    before = _asked(counted[1])
    assert len(out.compute()) == len(out.compute()) == 0 and len(_model(counted[0]).invoke("x").text)
    assert _asked(counted[1]) - before == Counter({"x": 1})  # computed again, nothing is asked again


def test_threads_of_this_process_are_a_cluster_too_and_the_call_may_be_in_another(counted: tuple[str, Path]) -> None:
    with LocalCluster(n_workers=1, threads_per_worker=3, processes=False, dashboard_address=":0") as own, Client(own):
        frame = dd.from_pandas(ROWS[:60], npartitions=4)
        call = asyncio.to_thread(frame.chat.batch, "{q}", _model(counted[0]), budget_tokens=10_000)
        out = asyncio.run(call)
        assert list(out.compute().response) == [f"You said: {q}" for q in ROWS.q[:60]]


def test_what_a_partition_fails_of_is_raised_by_its_name_and_what_was_committed_is_kept(
    cluster: Client, counted: tuple[str, Path]
) -> None:
    def said(row: Any) -> str:
        if row.n == 399:
            raise ZeroDivisionError("in the user's own function")
        return str(row.q)

    frame = dd.from_pandas(ROWS, npartitions=4)
    with pytest.raises(ZeroDivisionError, match="user's own function"):
        batch_frame(frame, said, _model(counted[0]), journal="j.sqlite", errors="raise", max_concurrency=4)
    kept = len(Journal("j.sqlite").frame())
    assert 0 < kept < 399 and not Path("j.sqlite.parts").exists()  # the others were stopped
    out = batch_frame(frame, said, _model(counted[0]), journal="j.sqlite")
    with pytest.raises(ConfigurationError, match="dask"):
        retry_errors(out)
    assert out.attrs["nbchat"]["errors"] == 1 and sum(_asked(counted[1]).values()) < 399 + 16


def test_what_a_dead_client_left_behind_is_taken_in(cluster: Client, counted: tuple[str, Path]) -> None:
    left = Path("j.sqlite.parts/another-batch")
    batch_frame(ROWS[:30], "{q}", _model(counted[0]), journal=left / "0.sqlite", progress=False)
    out = batch_frame(dd.from_pandas(ROWS[:40], npartitions=2), "{q}", _model(counted[0]), journal="j.sqlite")
    assert out.compute().response.notna().all() and max(_asked(counted[1]).values()) == 1
    assert left.exists()  # it may be at work still


def test_no_key_stays_in_a_file_or_with_the_scheduler(cluster: Client, counted: tuple[str, Path]) -> None:
    batch_frame(dd.from_pandas(ROWS[:20], npartitions=2), "{q}", _model(counted[0]), journal="j.sqlite")
    assert b"sk-given-here" not in b"".join(path.read_bytes() for path in Path().glob("j.sqlite*"))
    kept = cluster.run_on_scheduler(lambda dask_scheduler: [str(name) for name in dask_scheduler.worker_plugins])
    assert not [name for name in kept if "nbchat" in name]


class Holding:
    """A server's answers; at some moments it holds them all back until it is freed.

    Attributes:
        times: how often it was asked each text.
        held: set while it holds them back.
    """

    def __init__(self, *moments: int) -> None:
        self.times: Counter[str] = Counter()
        self.held = threading.Event()
        self._moments = moments

    def __call__(self, body: dict[str, Any]) -> Reply:
        text = body["messages"][-1]["content"]
        self.times[text] += 1
        if self.times.total() in self._moments:
            self.held.set()
        return Reply(headers={"content-type": "application/json"}, body=self._answer(text))

    async def _answer(self, text: str) -> AsyncIterator[bytes]:
        while self.held.is_set():
            await asyncio.sleep(0.01)
        yield json.dumps(openai_answer(f"You said: {text}")).encode()


def _committed(parts: Path) -> set[str]:
    """The prompts that have an answer in the partitions' journals."""
    found: set[str] = set()
    for path in parts.glob("*/*.sqlite"):
        with closing(sqlite3.connect(path)) as db, suppress(sqlite3.OperationalError):  # it may be empty yet
            found |= {prompt for (prompt,) in db.execute("SELECT prompt FROM answers WHERE message IS NOT NULL")}
    return found


def test_workers_killed_midway_lose_and_repeat_nothing_that_was_committed(cluster: Client) -> None:
    asked = Holding(60, 130)
    dead: set[int] = set()
    committed: list[set[str]] = []

    def kill_one() -> None:
        asked.held.wait()
        pids: set[int] = set()
        while len(pids) < 2:  # the one that was killed before has to come back
            with suppress(OSError):
                pids = set(cluster.run(os.getpid).values()) - dead
        dead.add(min(pids))
        os.kill(min(pids), signal.SIGKILL)
        committed.append(_committed(Path("j.sqlite.parts")))
        asked.held.clear()

    with OpenAIServer(asked) as server, ThreadPoolExecutor(1) as killer:
        kills = [killer.submit(kill_one) for _ in range(2)]
        frame = dd.from_pandas(ROWS, npartitions=4)
        out = batch_frame(frame, "{q}", _model(server.url), journal="j.sqlite", max_concurrency=4)
        assert [kill.result() for kill in kills] == [None, None]
    assert list(out.compute().response) == [f"You said: {q}" for q in ROWS.q] and out.attrs["nbchat"]["left"] == 0
    assert 0 < len(committed[0]) < len(committed[1]) < 400
    assert all(asked.times[prompt] == 1 for prompt in committed[0] | committed[1])
    assert asked.times.total() <= 400 + 2 * 4  # at most what a killed worker had under way, or not yet committed
    assert len(Journal("j.sqlite").frame()) == 400


def test_an_interrupt_stops_the_workers_and_the_same_call_goes_on(cluster: Client) -> None:
    asked, frame = Holding(60), dd.from_pandas(ROWS, npartitions=4)

    def interrupt() -> None:
        asked.held.wait()
        _thread.interrupt_main()

    with OpenAIServer(asked) as server, ThreadPoolExecutor(1) as other:
        other.submit(interrupt)
        about = batch_frame(frame, "{q}", _model(server.url), journal="j.sqlite", max_concurrency=4).attrs["nbchat"]
        assert about["stopped"] == "interrupted; run it again to go on" and 340 <= about["left"] < 400
        asked.held.clear()
        out = batch_frame(frame, "{q}", _model(server.url), journal="j.sqlite")
    assert list(out.compute().response) == [f"You said: {q}" for q in ROWS.q]
    assert asked.times.total() <= 400 + 8  # what was under way when it was stopped


def test_the_budget_is_one_for_all_workers(cluster: Client, counted: tuple[str, Path]) -> None:
    out = batch_frame(
        dd.from_pandas(ROWS, npartitions=4), "{q}", _model(counted[0]), journal=None, budget_tokens=1500, max_tokens=40
    ).compute()
    assert 600 < out.total_tokens.sum() <= 1500 and out.response.isna().sum() > 100 and out.error.isna().all()


def test_no_more_requests_run_at_once_than_are_allowed_however_many_workers_there_are(
    cluster: Client, asked: Counted
) -> None:
    asked.answer = lambda text, body: asked.slow(text, 0.05)
    with OpenAIServer(asked) as server:
        frame = dd.from_pandas(ROWS[:24], npartitions=6)
        for most in (1, 4):
            out = batch_frame(frame, f"{most} {{q}}", _model(server.url), journal=None, max_concurrency=most)
            assert out.compute().response.notna().all() and 1 <= asked.most_at_once <= most


def test_the_rate_is_one_for_all_workers(cluster: Client, counted: tuple[str, Path]) -> None:
    begun = time.monotonic()
    batch_frame(dd.from_pandas(ROWS[:30], npartitions=4), "{q}", _model(counted[0]), journal=None, rpm=600)
    assert time.monotonic() - begun > 1.8  # ten at once, then ten a second


def test_what_cannot_be_is_told_before_anything_is_sent(cluster: Client, counted: tuple[str, Path]) -> None:
    frame = dd.from_pandas(ROWS, npartitions=2)
    wrongs = ({"prompt": "{nothing}"}, {"prompt": list(ROWS.q)}, {"on_row": print}, {"out": "x.csv"}, PROVIDER)
    for wrong in wrongs:
        with pytest.raises(ConfigurationError):
            batch_frame(frame, **{"prompt": "{q}", "model": _model(counted[0]), **wrong})
    with pytest.raises(ConfigurationError, match="to_thread"):
        frame.chat.abatch("{q}", _model(counted[0]))
    lock = threading.Lock()
    with pytest.raises(ConfigurationError, match=r"cannot be sent to the workers.*lock"):
        batch_frame(frame, lambda row: f"{row.q} {lock}", _model(counted[0]))
    assert not _asked(counted[1])


def test_frames_have_their_chat_also_where_others_looked_for_the_library_before() -> None:
    code = """
import nbchat
from importlib.util import find_spec
assert find_spec("pandas") and find_spec("dask.dataframe")  # as many do, to see whether it is installed
import dask.dataframe, pandas
print([hasattr(kind, "chat") for lib in (pandas, dask.dataframe) for kind in (lib.DataFrame, lib.Series)])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.stdout.strip() == str([True] * 4), done.stderr


def test_without_a_cluster_it_says_how_to_get_one(counted: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nbchat.frame.cluster.dask_batch.default_client", _nobody)
    with pytest.raises(ConfigurationError, match=r"client = Client\(\)"):
        batch_frame(dd.from_pandas(ROWS, npartitions=2), "{q}", _model(counted[0]))


def _nobody() -> Any:
    raise ValueError("no client")
