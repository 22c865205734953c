"""mode="provider": one interface over seven Batch APIs. Rows in, jobs at the provider, the same rows out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import BaseModel

from nbchat import abatch_frame, batch_frame, init_chat_model
from nbchat.model.prices import cost_usd
from nbchat.values.usage import Usage
from nbchat.wire import batch_formats
from tests.frame.provider_cases import MODELS, model_of, pretend
from tests.frame.servers import FileBatchServer, JobServer

PROVIDER: dict[str, Any] = {"mode": "provider", "poll_s": 0.01, "progress": False}


@pytest.fixture(params=MODELS)
def provider(request: pytest.FixtureRequest) -> str:
    """Each of them in turn."""
    return str(request.param)


@pytest.fixture
def server(provider: str) -> Iterator[JobServer]:
    """Its server."""
    with pretend(provider) as server:
        yield server


@pytest.fixture
def openai() -> Iterator[FileBatchServer]:
    """A pretend OpenAI."""
    with FileBatchServer() as server:
        yield server


ROWS = pd.DataFrame({"t": ["one", "two", "one", "please refuse", "three"]}, index=[7, 3, 3, 1, 0])


def test_rows_go_as_a_job_and_come_back_in_order_with_failures_as_rows(provider: str, server: JobServer) -> None:
    out = batch_frame(ROWS, "Say {t}", model_of(provider, server), **PROVIDER)
    assert list(out.index) == [7, 3, 3, 1, 0]
    right = [0, 1, 2, 4]
    assert list(out.response.iloc[right]) == [f"You said: Say {text}" for text in ROWS.t.iloc[right]]
    assert out.error.iloc[3].startswith("BadRequestError: ") and out.response.isna().iloc[3]
    assert out.error.iloc[right].isna().all() and (out.attempts == 1).all()
    assert len(server.jobs) == 1 and set(server.asked.values()) == {1}  # equal prompts once
    assert out.attrs["nbchat"]["errors"] == 1 and out.attrs["nbchat"]["left"] == 0
    assert out.attrs["nbchat"]["jobs"] == [] and out.attrs["nbchat"]["stopped"] is None


def test_the_price_is_half(provider: str, server: JobServer) -> None:
    out = batch_frame(ROWS, "Say {t}", model_of(provider, server), **PROVIDER)
    usage = Usage.of(int(out.input_tokens.iloc[0]), int(out.output_tokens.iloc[0]))
    full = cost_usd(usage, MODELS[provider], provider)
    assert full and out.cost_usd.iloc[0] == pytest.approx(full / 2)


@pytest.mark.parametrize(
    ("name", "provider"), [("azure_openai", "azure"), ("google_genai", "google"), ("mistralai", "mistral")]
)
def test_a_provider_by_its_other_name_has_its_batch_api_too(name: str, provider: str) -> None:
    with pretend(provider) as server:
        model = model_of(provider, server, model_provider=name)
        out = batch_frame(ROWS[:2], "Say {t}", model, **PROVIDER)
    assert list(out.response) == ["You said: Say one", "You said: Say two"] and out.cost_usd.notna().all()


def test_together_gives_half_price_for_some_models_only() -> None:
    usage = Usage.of(1_000_000, 0)
    full = cost_usd(usage, "meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8", "together")
    assert full and cost_usd(usage, "meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8", "together", batch=True) == full


def test_the_same_call_again_asks_only_what_failed(provider: str, server: JobServer) -> None:
    model = model_of(provider, server)
    first = batch_frame(ROWS, "Say {t}", model, **PROVIDER)
    again = batch_frame(ROWS, "Say {t}", model, **PROVIDER)
    assert server.asked == {"Say one": 1, "Say two": 1, "Say three": 1, "Say please refuse": 2}
    pd.testing.assert_frame_equal(first, again)


@pytest.mark.parametrize("fate", ["expired", "cancelled"])
def test_a_job_that_ends_early_leaves_errors_which_the_next_call_asks_anew(
    fate: str, provider: str, server: JobServer
) -> None:
    server.fate = fate
    rows = pd.DataFrame({"t": ["one", "two", "three", "four"]})
    out = batch_frame(rows, "Say {t}", model_of(provider, server), **PROVIDER)
    assert list(out.error.isna()) == [True, False, True, False]
    said = "has expired" if fate == "expired" else "was cancelled"
    assert f"{provider}'s batch job" in out.error.iloc[1] and said in out.error.iloc[1]
    server.fate = "completed"
    out = batch_frame(rows, "Say {t}", model_of(provider, server), **PROVIDER)
    assert out.error.isna().all() and server.asked == {"Say one": 1, "Say two": 2, "Say three": 1, "Say four": 2}


@pytest.mark.parametrize("provider", [name for name in MODELS if name != "anthropic"])  # its jobs cannot fail
def test_a_job_that_fails_its_check_says_why_in_each_row(provider: str, server: JobServer) -> None:
    server.fate = "failed"
    out = batch_frame(ROWS, "Say {t}", model_of(provider, server), **PROVIDER)
    assert out.error.str.startswith("BadRequestError: ").all() and out.error.str.contains("failed").all()
    assert out.error.str.contains("line").all()


def test_a_refused_key_is_an_error_in_each_row_and_nothing_is_under_way(provider: str, server: JobServer) -> None:
    out = batch_frame(ROWS, "Say {t}", model_of(provider, server, api_key="wrong-key-9"), **PROVIDER)
    assert out.error.str.contains("AuthenticationError").all() and not server.jobs
    assert not out.error.str.contains("wrong-key-9").any()
    out = batch_frame(ROWS, "Say {t}", model_of(provider, server), **PROVIDER)
    assert out.error.notna().sum() == 1 and len(server.jobs) == 1


def test_more_rows_than_a_job_holds_make_several(
    provider: str, server: JobServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    small: Any = replace(batch_formats.FORMATS[provider], most=4)  # type: ignore[type-var]
    monkeypatch.setitem(batch_formats.FORMATS, provider, small)
    rows = pd.DataFrame({"t": [f"row {n}" for n in range(10)]})
    out = batch_frame(rows, "Say {t}", model_of(provider, server), **PROVIDER)
    assert list(out.response) == [f"You said: Say row {n}" for n in range(10)]
    assert sorted(len(job.requests) for job in server.jobs) == [2, 4, 4]


def test_a_job_is_full_at_its_limit_of_bytes_and_a_row_above_it_is_an_error(
    openai: FileBatchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    monkeypatch.setitem(batch_formats.FORMATS, "openai", replace(batch_formats.OPENAI, largest=3000))
    rows = pd.DataFrame({"t": ["x" * 2000, "y" * 2000, "z" * 4000]})
    out = batch_frame(rows, "{t}", model_of("openai", openai), **PROVIDER)
    assert [len(job.requests) for job in openai.jobs] == [1, 1]
    assert list(out.error.isna()) == [True, True, False] and "mode='live'" in out.error.iloc[2]


def test_schemas_samples_and_several_models_work_as_live(openai: FileBatchServer) -> None:
    class Tone(BaseModel):
        tone: str

    model = model_of("openai", openai)
    rows = pd.DataFrame({"t": ["one", "two"]})
    out = batch_frame(rows, "Tone of {t}", model, schema=Tone, n=2, **PROVIDER)
    assert len(out) == 4 and out.tone.notna().all() and out.error.isna().all()
    both = batch_frame(rows, "Say {t}", {"a": model, "b": model.bind(temperature=0)}, **PROVIDER)
    assert list(both.model) == ["a", "b"] * 2 and len(openai.jobs) == 3


def test_the_responses_api_has_jobs_too(openai: FileBatchServer) -> None:
    answer = {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "model": "gpt-4o-mini",
        "output": [
            {
                "type": "message",
                "id": "m",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": "Hello.", "annotations": []}],
            }
        ],
        "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
    }
    openai.prompt = lambda body: str(body["input"])  # type: ignore[method-assign]
    openai.reply_to = lambda body: __import__("tests.servers", fromlist=["Reply"]).Reply(body=answer)  # type: ignore[method-assign]
    out = batch_frame(pd.DataFrame({"t": ["a"]}), "{t}", model_of("openai", openai, use_responses_api=True), **PROVIDER)
    assert list(out.response) == ["Hello."] and openai.jobs[0].given["endpoint"] == "/v1/responses"


@pytest.mark.parametrize("deployment", [{}, {"azure_deployment": "mine"}])
def test_azures_deployments_are_the_models_of_its_jobs(deployment: dict[str, Any]) -> None:
    with pretend("azure") as server:
        out = batch_frame(ROWS[:2], "Say {t}", model_of("azure", server, **deployment), **PROVIDER)
        assert list(out.response) == ["You said: Say one", "You said: Say two"]
        asked = {body["model"] for body in server.jobs[0].requests.values()}
        assert asked == {deployment.get("azure_deployment", "gpt-4o-mini")}


def test_azures_v1_api_takes_jobs_without_an_api_version() -> None:
    with FileBatchServer("azure", "/openai/v1") as server:
        model = init_chat_model("mine", model_provider="azure", azure_endpoint=server.url, api_key="k")
        out = batch_frame(ROWS[:2], "Say {t}", model, **PROVIDER)
        assert list(out.response) == ["You said: Say one", "You said: Say two"]


def test_live_answers_and_those_of_jobs_are_one_journal(openai: FileBatchServer, own_folder: Path) -> None:
    model = model_of("openai", openai)
    rows = pd.DataFrame({"t": ["one"]})
    batch_frame(rows, "Say {t}", model, **PROVIDER)
    out = batch_frame(rows, "Say {t}", model, progress=False)  # would be refused: this server knows only jobs
    assert list(out.response) == ["You said: Say one"]
    for file in own_folder.rglob("*.sqlite*"):
        assert b"Bearer" not in file.read_bytes()


def test_no_key_is_in_the_journal(openai: FileBatchServer, own_folder: Path) -> None:
    openai.key = "sk-secret-123"
    batch_frame(ROWS, "Say {t}", model_of("openai", openai), **PROVIDER)
    files = list((own_folder / ".nbchat").iterdir())
    assert files and not any(b"sk-secret-123" in file.read_bytes() for file in files)


def test_an_async_batch_waits_without_holding_up_the_loop(openai: FileBatchServer) -> None:
    openai.looks = 5

    async def main() -> tuple[list[str], int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.001)

        ticking = asyncio.ensure_future(tick())
        landed = [
            row["response"]
            async for row in abatch_frame(ROWS.iloc[:2], "Say {t}", model_of("openai", openai), **PROVIDER)
        ]
        ticking.cancel()
        return landed, ticks

    landed, ticks = asyncio.run(main())
    assert sorted(landed) == ["You said: Say one", "You said: Say two"] and ticks > 5


def test_a_dry_run_is_at_the_price_of_jobs_and_a_budget_keeps_to_it(openai: FileBatchServer) -> None:
    model = model_of("openai", openai, max_tokens=100)
    live = batch_frame(ROWS, "Say {t}", model, dry_run=True)
    jobs = batch_frame(ROWS, "Say {t}", model, dry_run=True, **PROVIDER)
    assert jobs.cost_usd == pytest.approx(live.cost_usd / 2) and not openai.jobs
    a_row = jobs.cost_usd / ROWS.t.nunique()  # at most
    out = batch_frame(ROWS, "Say {t}", model, budget_usd=a_row / 2, **PROVIDER)
    assert out.attrs["nbchat"]["left"] == len(ROWS) and "budget" in out.attrs["nbchat"]["stopped"] and not openai.jobs
    out = batch_frame(ROWS, "Say {t}", model, budget_usd=a_row * 2.5, **PROVIDER)
    assert out.attrs["nbchat"]["left"] == 0 and [len(job.requests) for job in openai.jobs] == [2, 2]
