"""mode="provider": leave a job, lose a kernel or a reply, and come back: nothing is asked twice."""

from __future__ import annotations

import _thread
import os
import signal
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nbchat import batch_frame
from nbchat.frame.batch import Batch
from nbchat.frame.plan import Plan
from nbchat.frame.progress import Progress
from tests.frame.provider_cases import MODELS, model_of, pretend
from tests.frame.servers import AnthropicBatchServer, FileBatchServer
from tests.servers import Recorded, Reply

PROVIDER: dict[str, Any] = {"mode": "provider", "poll_s": 0.01, "progress": False}
ROWS = pd.DataFrame({"t": ["one", "two", "three"]})
SAID = ["You said: Say one", "You said: Say two", "You said: Say three"]
ROOT = Path(__file__).parents[2]


def starts_a_job(request: Recorded) -> bool:
    """Whether this request makes a job."""
    return request.method == "POST" and request.path.endswith(("/batches", "/batch/jobs", ":batchGenerateContent"))


def asks_after_a_job(request: Recorded) -> bool:
    """Whether this request looks at a job."""
    return request.method == "GET" and ("batch_" in request.path or "msgbatch_" in request.path)


@pytest.mark.parametrize("provider", MODELS)
def test_an_interrupt_leaves_the_job_and_the_same_call_collects_it(provider: str) -> None:
    with pretend(provider) as server:
        server.looks = 1000
        names = ("batch_0", "msgbatch_0", "batches/b0")

        def interrupt(request: Recorded) -> None:
            if request.method == "GET" and request.path.endswith(names) and server.jobs[0].looks == 3:
                _thread.interrupt_main()

        server.disturb = interrupt
        model = model_of(provider, server)
        out = batch_frame(ROWS, "Say {t}", model, **PROVIDER)
        about = out.attrs["nbchat"]
        assert about["left"] == 3 and about["jobs"] == [server.jobs[0].id] and about["errors"] == 0
        assert f"interrupted, with 1 job at {provider}" in about["stopped"]
        assert out.response.isna().all() and out.error.isna().all()
        server.looks = 1
        more = pd.DataFrame({"t": ["zero", "one", "two", "three"]})  # meanwhile a row was added
        out = batch_frame(more, "Say {t}", model, **PROVIDER)
        assert list(out.response) == ["You said: Say zero", *SAID] and set(server.asked.values()) == {1}


def test_a_job_has_rows_that_are_no_longer_in_the_frame_and_they_are_kept() -> None:
    with FileBatchServer() as server:
        server.looks = 1000
        server.disturb = lambda request: (
            _thread.interrupt_main() if asks_after_a_job(request) and server.jobs[0].looks == 1 else None
        )
        model = model_of("openai", server)
        batch_frame(ROWS, "Say {t}", model, **PROVIDER)
        server.looks = 1
        assert list(batch_frame(ROWS.iloc[:1], "Say {t}", model, **PROVIDER).response) == SAID[:1]
        assert list(batch_frame(ROWS, "Say {t}", model, **PROVIDER).response) == SAID
        assert set(server.asked.values()) == {1}


@pytest.mark.parametrize("provider", MODELS)
def test_without_polling_a_call_hands_in_what_is_new_and_collects_what_has_ended(provider: str) -> None:
    with pretend(provider) as server:
        server.looks = 2
        call = {**PROVIDER, "poll_s": None}
        model = model_of(provider, server)
        out = batch_frame(ROWS.iloc[:2], "Say {t}", model, **call)
        assert out.attrs["nbchat"]["left"] == 2 and out.attrs["nbchat"]["jobs"] == [server.jobs[0].id]
        assert out.attrs["nbchat"]["stopped"].startswith(f"1 job at {provider}") and out.error.isna().all()
        out = batch_frame(ROWS, "Say {t}", model, **call)
        assert out.attrs["nbchat"]["left"] == 3 and len(server.jobs) == 2
        out = batch_frame(ROWS, "Say {t}", model, **call)
        assert list(out.response[:2]) == SAID[:2] and out.attrs["nbchat"]["left"] == 1
        assert list(batch_frame(ROWS, "Say {t}", model, **call).response) == SAID
        assert set(server.asked.values()) == {1} and len(server.jobs) == 2


def test_two_kernels_at_once_make_one_job() -> None:
    with FileBatchServer() as server:
        server.looks = 10
        with ThreadPoolExecutor() as pool:
            calls = [
                pool.submit(batch_frame, ROWS, "Say {t}", model_of("openai", server), **PROVIDER) for _ in range(2)
            ]
            frames = [call.result(30) for call in calls]
        assert [list(out.response) for out in frames] == [SAID, SAID] and set(server.asked.values()) == {1}


def test_two_kernels_that_wait_for_different_rows_of_one_job_both_get_theirs() -> None:
    with FileBatchServer() as server:
        server.looks = 1000
        model = model_of("openai", server)
        batch_frame(ROWS, "Say {t}", model, **{**PROVIDER, "poll_s": None})
        kernels = [Batch(rows, Plan(prompt="Say {t}", model=model, **PROVIDER)) for rows in (ROWS[:2], ROWS[2:])]
        steps = [kernel.steps(0.01, lambda function, *args: function(*args)) for kernel in kernels]
        for _ in range(3):
            for each in steps:
                next(each)
        server.looks = 1
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for each in steps:  # the first one reads the job to its end
                for _ in each:
                    pass
        assert [list(kernel.frame().response) for kernel in kernels] == [SAID[:2], SAID[2:]]
        assert set(server.asked.values()) == {1} and len(server.jobs) == 1


def test_rows_of_a_file_go_into_one_job(tmp_path: Path) -> None:
    with FileBatchServer() as server:
        ROWS.to_csv(tmp_path / "in.csv", index=False)
        out = batch_frame(
            tmp_path / "in.csv", "Say {t}", model_of("openai", server), out=tmp_path / "out.csv", **PROVIDER
        )
        assert list(pd.read_csv(out).response) == SAID and len(server.jobs) == 1


KERNEL = """
import pandas as pd
from nbchat import batch_frame, init_chat_model
rows = pd.DataFrame({{"t": ["one", "two", "three"]}})
model = init_chat_model({model!r}, model_provider={provider!r}, base_url={url!r}, api_key="k", max_tokens=1000)
batch_frame(rows, "Say {{t}}", model, mode="provider", poll_s=0.01)
"""


@pytest.mark.parametrize(
    ("provider", "moment"),
    [
        ("openai", "before it is taken"),
        ("openai", "once it is taken"),
        ("together", "once it is taken"),
        ("anthropic", "once it is taken"),
    ],
)
def test_a_kernel_that_is_killed_while_it_submits_leads_to_one_job(provider: str, moment: str) -> None:
    with pretend(provider) as server:
        code = KERNEL.format(model=MODELS[provider], provider=provider, url=server.base_url)
        kernel = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)})

        def kill_first(request: Recorded) -> Reply | None:
            if not starts_a_job(request) or kernel.poll() is not None:
                return None
            os.kill(kernel.pid, signal.SIGKILL)
            kernel.wait()
            return Reply(status=500)

        if moment == "once it is taken":
            server.spoil = lambda request, reply: kill_first(request) or reply
        else:
            server.disturb = kill_first
        assert kernel.wait(30) == -signal.SIGKILL
        out = batch_frame(ROWS, "Say {t}", model_of(provider, server, max_tokens=1000), **PROVIDER)
        assert list(out.response) == SAID and len(server.jobs) == 1


@pytest.mark.parametrize("provider", ["openai", "together", "mistral", "anthropic", "google"])
def test_a_job_whose_reply_is_lost_is_found_and_not_made_again(provider: str) -> None:
    with pretend(provider) as server:
        lost: list[Recorded] = []

        def lose_first(request: Recorded, reply: Reply) -> Reply:
            if starts_a_job(request) and not lost:
                lost.append(request)
                return Reply(status=502, body="bad gateway")
            return reply

        server.spoil = lose_first
        out = batch_frame(ROWS, "Say {t}", model_of(provider, server), **PROVIDER)
        assert list(out.response) == SAID and len(server.jobs) == 1 and lost


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_job_is_found_among_many_whatever_their_order(newest_first: bool) -> None:
    with FileBatchServer() as server:
        for age in range(30, 0, -1):
            old = server.begin(f"old_{age}", {}, {"input_file_id": "x", "endpoint": "/v1/chat/completions"})
            old.created -= 3600 * age

        def lost(request: Recorded, reply: Reply) -> Reply:
            return Reply(status=502) if starts_a_job(request) else reply

        server.spoil = lost
        if not newest_first:
            server.in_order = lambda jobs: jobs
        out = batch_frame(ROWS, "Say {t}", model_of("openai", server), **PROVIDER)
        assert list(out.response) == SAID and len(server.jobs) == 31


def test_where_it_is_not_known_whether_a_job_was_taken_the_run_stops_and_the_next_one_looks_first() -> None:
    with FileBatchServer() as server:
        server.spoil = lambda request, reply: Reply(status=500) if starts_a_job(request) else reply
        model = model_of("openai", server, max_retries=0)
        with pytest.warns(RuntimeWarning, match="not known"):
            out = batch_frame(ROWS, "Say {t}", model, **PROVIDER)
        assert out.attrs["nbchat"]["left"] == 3 and "not known" in out.attrs["nbchat"]["stopped"]
        server.spoil = lambda request, reply: reply
        out = batch_frame(ROWS, "Say {t}", model, **PROVIDER)
        assert list(out.response) == SAID and len(server.jobs) == 1


def test_anthropics_jobs_of_others_are_not_taken_for_ours() -> None:
    with AnthropicBatchServer() as server:
        model = model_of("anthropic", server, max_retries=0)
        server.disturb = lambda request: Reply(status=500) if starts_a_job(request) else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            batch_frame(ROWS, "Say {t}", model, **PROVIDER)
        server.disturb = lambda request: None
        body = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "theirs"}]}
        server.begin("msgbatch_old", dict.fromkeys("abc", body), {}).created -= 3600
        server.begin("msgbatch_large", dict.fromkeys("abcd", body), {})
        out = batch_frame(ROWS, "Say {t}", model, **PROVIDER)
        assert list(out.response) == SAID and [job.looks for job in server.jobs[:2]] == [0, 0]


def test_anthropics_job_of_another_that_is_just_like_ours_is_told_by_its_results() -> None:
    with AnthropicBatchServer() as server:
        model = model_of("anthropic", server, max_retries=0)
        body = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "theirs"}]}

        def lost(request: Recorded, reply: Reply) -> Reply:
            if not starts_a_job(request):
                return reply
            server.begin("msgbatch_theirs", dict.fromkeys("abc", body), {})  # as large, and later
            return Reply(status=500)

        server.spoil = lost
        with pytest.warns(RuntimeWarning, match="not known"):
            batch_frame(ROWS, "Say {t}", model, **PROVIDER)
        server.spoil = lambda request, reply: reply
        out = batch_frame(ROWS, "Say {t}", model, **PROVIDER)
        assert list(out.response) == SAID and [job.id for job in server.jobs] == ["msgbatch_0", "msgbatch_theirs"]


def test_a_job_that_a_dead_collector_left_half_read_is_read_to_its_end() -> None:
    with FileBatchServer() as server:
        server.spoil = lambda request, reply: (
            Reply(body=bytes(reply.body), cut=True) if request.path.endswith("/content") else reply  # type: ignore[arg-type]
        )
        rows = pd.DataFrame({"t": [f"row {n}" for n in range(1000)]})
        model = model_of("openai", server, max_retries=0)
        with pytest.warns(RuntimeWarning, match="cannot be collected"):
            out = batch_frame(rows, "Say {t}", model, **PROVIDER)
        about = out.attrs["nbchat"]
        assert 0 < about["left"] < 1000 and about["jobs"] == [server.jobs[0].id]
        server.spoil = lambda request, reply: reply
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what came before is no stranger
            out = batch_frame(rows, "Say {t}", model, **PROVIDER)
        assert out.error.isna().all() and out.response.notna().all() and len(server.jobs) == 1


def test_an_outage_while_a_job_runs_is_waited_out() -> None:
    with FileBatchServer() as server:
        outage = iter([Reply(status=503), Reply(garbage=b"x"), Reply(status=429, headers={"retry-after": "0"})])
        server.disturb = lambda request: next(outage, None) if asks_after_a_job(request) else None
        out = batch_frame(ROWS, "Say {t}", model_of("openai", server), **PROVIDER)
        assert list(out.response) == SAID and next(outage, None) is None


def test_a_key_that_no_longer_opens_stops_the_run_and_loses_nothing() -> None:
    with FileBatchServer() as server:

        def another_key(request: Recorded, reply: Reply) -> Reply:
            server.key = "new" if starts_a_job(request) else server.key
            return reply

        server.spoil = another_key
        with pytest.warns(RuntimeWarning, match="AuthenticationError|401"):
            out = batch_frame(ROWS, "Say {t}", model_of("openai", server), **PROVIDER)
        about = out.attrs["nbchat"]
        assert about["left"] == 3 and about["jobs"] == ["batch_0"] and out.error.isna().all()
        server.spoil = lambda request, reply: reply
        assert list(batch_frame(ROWS, "Say {t}", model_of("openai", server), **PROVIDER).response) == SAID
        assert len(server.jobs) == 1


@pytest.mark.parametrize("gone", ["job", "results"])
def test_what_the_provider_keeps_no_longer_is_an_error_and_asked_anew_by_the_next_call(gone: str) -> None:
    with FileBatchServer() as server:
        missing = Reply(status=404, body={"error": {"message": "No such object: it was deleted.", "code": None}})
        server.disturb = lambda request: (
            missing
            if (asks_after_a_job(request) and request.path.endswith("/content") == (gone == "results"))
            else None
        )
        model = model_of("openai", server)
        out = batch_frame(ROWS, "Say {t}", model, **PROVIDER)
        assert out.error.str.startswith("NotFoundError: openai answered 404").all()
        server.disturb = lambda request: None
        assert list(batch_frame(ROWS, "Say {t}", model, **PROVIDER).response) == SAID


def test_a_job_that_is_not_known_everywhere_yet_is_not_given_up() -> None:
    with FileBatchServer() as server:
        misses = iter([Reply(status=404), Reply(status=404)])
        server.disturb = lambda request: next(misses, None) if request.path.endswith("/batch_0") else None
        out = batch_frame(ROWS, "Say {t}", model_of("openai", server), **PROVIDER)
        assert list(out.response) == SAID and next(misses, None) is None


def test_the_line_says_which_jobs_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with FileBatchServer() as server:
        batch = Batch(ROWS, Plan(prompt="Say {t}", model=model_of("openai", server), **PROVIDER))
        server.looks = 5
        lines, tomorrow = set(), time.time() + 86_430
        for _ in batch.steps(0.01, lambda function, *args: function(*args)):
            assert batch.jobs is not None
            lines.add(repr(Progress(batch.run.tally, batch.total, "", batch.jobs.waits)))
            if "0 of 3 rows · 1 job at openai, 0 of 3 answered" in lines:
                monkeypatch.setattr("time.time", lambda: tomorrow)
        assert any("1 job at openai, 0 of 3 answered, for 24 h 0 min (it goes on if you stop" in line for line in lines)
        assert "0 of 3 rows · 1 job at openai, 0 of 3 answered" in lines
        assert any(line.startswith("3 rows") and "job" not in line for line in lines), "\n".join(lines)
