"""The same call on a dask DataFrame: partitions on a cluster of processes."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask.dataframe as dd
import pandas as pd
import pytest
from distributed import Client, LocalCluster

from nbchat import Journal, batch_frame, init_chat_model
from nbchat.values.errors import ConfigurationError
from tests.servers import spawn

ROWS = pd.DataFrame({"q": [f"question {i}" for i in range(400)], "n": range(400)})


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


def test_no_key_stays_in_a_file_or_with_the_scheduler(cluster: Client, counted: tuple[str, Path]) -> None:
    batch_frame(dd.from_pandas(ROWS[:20], npartitions=2), "{q}", _model(counted[0]), journal="j.sqlite")
    assert b"sk-given-here" not in b"".join(path.read_bytes() for path in Path().glob("j.sqlite*"))
    kept = cluster.run_on_scheduler(lambda dask_scheduler: [str(name) for name in dask_scheduler.worker_plugins])
    assert not [name for name in kept if "nbchat" in name]


def test_a_worker_killed_midway_loses_and_repeats_nothing_that_was_committed(
    cluster: Client, counted: tuple[str, Path]
) -> None:
    url, asked = counted
    killed: list[Counter[str]] = []

    def kill_one() -> None:
        while sum(_asked(asked).values()) < 120:
            time.sleep(0.01)
        pid = next(iter(cluster.run(os.getpid).values()))
        os.kill(pid, signal.SIGKILL)
        killed.append(_asked(asked))

    thread = threading.Thread(target=kill_one)
    thread.start()
    out = batch_frame(
        dd.from_pandas(ROWS, npartitions=4), "{q}", _model(url), journal="j.sqlite", max_concurrency=8
    ).compute()
    thread.join()
    assert list(out.response) == [f"You said: {q}" for q in ROWS.q] and killed
    again = _asked(asked)
    assert sum(again.values()) < 400 + 16  # no more than what was on its way at the kill
    assert len(Journal("j.sqlite").frame()) == 400


def test_the_budget_is_one_for_all_workers(cluster: Client, counted: tuple[str, Path]) -> None:
    out = batch_frame(
        dd.from_pandas(ROWS, npartitions=4), "{q}", _model(counted[0]), journal=None, budget_tokens=1500, max_tokens=40
    ).compute()
    assert 600 < out.total_tokens.sum() <= 1500 and out.response.isna().sum() > 100 and out.error.isna().all()


def test_the_rate_is_one_for_all_workers(cluster: Client, counted: tuple[str, Path]) -> None:
    begun = time.monotonic()
    batch_frame(dd.from_pandas(ROWS[:30], npartitions=4), "{q}", _model(counted[0]), journal=None, rpm=600)
    assert time.monotonic() - begun > 1.8  # ten at once, then ten a second


def test_what_cannot_be_is_told_before_anything_is_sent(cluster: Client, counted: tuple[str, Path]) -> None:
    frame = dd.from_pandas(ROWS, npartitions=2)
    for wrong in ({"prompt": "{nothing}"}, {"prompt": list(ROWS.q)}, {"on_row": print}, {"out": "x.csv"}):
        with pytest.raises(ConfigurationError):
            batch_frame(frame, **{"prompt": "{q}", "model": _model(counted[0]), **wrong})
    assert not _asked(counted[1])


def test_without_a_cluster_it_says_how_to_get_one(counted: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nbchat.frame.cluster.dask_batch.default_client", _nobody)
    with pytest.raises(ConfigurationError, match=r"client = Client\(\)"):
        batch_frame(dd.from_pandas(ROWS, npartitions=2), "{q}", _model(counted[0]))


def _nobody() -> Any:
    raise ValueError("no client")
