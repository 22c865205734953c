"""mode="provider" against results that are wrong in every way, and calls that cannot be."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from nbchat import batch_frame, init_chat_model, retry_errors
from nbchat.values.errors import ConfigurationError
from nbchat.wire import batch_formats
from tests.frame.provider_cases import MODELS, model_of, pretend
from tests.frame.servers import FileBatchServer, GeminiBatchServer, JobServer
from tests.servers import Recorded, Reply, Server

PROVIDER: dict[str, Any] = {"mode": "provider", "poll_s": 0.01, "progress": False}
ROWS = pd.DataFrame({"t": ["one", "two", "three"]})
SAID = ["You said: Say one", "You said: Say two", "You said: Say three"]
STARTS = ("POST", "/v1/batches")


def with_text(line: bytes, text: str) -> bytes:
    """A result that says something else."""
    told = json.loads(line)
    message = told.get("result", told.get("response", {}).get("body", {}))
    part = message["message"]["content"][0] if "message" in message else message["choices"][0]["message"]
    part["text" if "text" in part else "content"] = text
    return json.dumps(told).encode()


def with_error(line: bytes) -> bytes:
    """A result that is an error."""
    told = json.loads(line)
    wrong = (
        {"result": {"type": "errored", "error": {}}} if "result" in told else {"response": None, "error": {"code": "x"}}
    )
    return json.dumps({**told, **wrong}).encode()


TAMPERED: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "in another order": lambda lines: random.Random(1).sample(lines, len(lines)),
    "with lines twice": lambda lines: [*lines, *(with_text(line, "a second answer") for line in lines)],
    "with errors beside answers": lambda lines: [each for line in lines for each in (with_error(line), line)],
    "with lines of strangers": lambda lines: [b'{"custom_id": "x", "response": {"body": {"a": 1}}}', *lines],
    "with garbage": lambda lines: [b"<html>", b"\xff\xfe", b"[]", b'{"custom_id": 7}', b"null", *lines],
    "with empty lines": lambda lines: [b"", *lines, b"  ", b""],
}


@pytest.mark.filterwarnings("ignore:the results of")
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("how", TAMPERED)
def test_results_come(how: str, provider: str) -> None:
    with pretend(provider) as server:
        server.tamper = TAMPERED[how]
        out = batch_frame(ROWS, "Say {t}", model_of(provider, server), **PROVIDER)
        assert list(out.response) == SAID and out.error.isna().all()


def test_lines_that_are_left_out_are_counted_in_a_warning() -> None:
    with FileBatchServer() as server:
        server.tamper = TAMPERED["with garbage"]
        with pytest.warns(RuntimeWarning, match="5 lines"):
            batch_frame(ROWS, "Say {t}", model_of("openai", server), **PROVIDER)


def test_a_row_without_a_result_has_an_error_that_names_the_job_and_is_asked_by_retry_errors() -> None:
    with FileBatchServer() as server:
        server.tamper = lambda lines: lines[:-1]
        out = batch_frame(ROWS, "Say {t}", model_of("openai", server), **PROVIDER)
        assert list(out.error.notna()) == [True, False, False]
        assert out.error.iloc[0] == (
            "StreamError: openai's batch job batch_0 has no result for this row; run it again to ask anew"
        )
        server.tamper = lambda lines: lines
        assert list(retry_errors(out).response) == SAID and server.asked["Say one"] == 2


@pytest.mark.parametrize(
    "body", [{}, {"choices": []}, {"choices": "x"}, {"error": {"message": "boom"}}, {"choices": [None]}, {"a": 1}]
)
def test_an_answer_that_is_none_is_that_rows_error(body: dict[str, Any]) -> None:
    def spoil(lines: list[bytes]) -> list[bytes]:
        told = json.loads(lines[0])
        told["response"]["body"] = body
        return [json.dumps(told).encode(), *lines[1:]]

    with FileBatchServer() as server:
        server.tamper = spoil
        out = batch_frame(ROWS, "Say {t}", model_of("openai", server), **PROVIDER)
        assert out.response.iloc[:2].tolist() == SAID[:2]
        assert out.error.notna().iloc[2] or not out.response.iloc[2]


def test_a_download_that_breaks_off_is_begun_again() -> None:
    with FileBatchServer() as server:
        cuts = iter([True, True])

        def cut(request: Any, reply: Reply) -> Reply:
            if request.path.endswith("/content") and next(cuts, False):
                return Reply(body=bytes(reply.body), cut=True)  # type: ignore[arg-type]
            return reply

        server.spoil = cut
        out = batch_frame(ROWS, "Say {t}", model_of("openai", server), **PROVIDER)
        assert list(out.response) == SAID and len(server.jobs) == 1


def test_results_that_are_not_whole_are_fetched_again() -> None:
    with FileBatchServer() as server:
        pieces = iter([0, 1, 3])
        server.tamper = lambda lines: lines[: next(pieces)]
        out = batch_frame(ROWS, "Say {t}", model_of("openai", server), **PROVIDER)
        assert list(out.response) == SAID and server.count_of("GET", "/content") == 3


def test_a_job_that_has_ended_may_not_name_its_results_yet() -> None:
    with FileBatchServer() as server:
        early = iter([True, True])

        def without_files(request: Recorded, reply: Reply) -> Reply:
            told = reply.body
            if isinstance(told, dict) and told.get("status") == "completed" and next(early, False):
                return Reply(body={**told, "output_file_id": None})
            return reply

        server.spoil = without_files
        out = batch_frame(ROWS, "Say {t}", model_of("openai", server), **PROVIDER)
        assert list(out.response) == SAID and next(early, None) is None


def test_googles_results_without_keys_are_those_of_the_requests_in_their_order() -> None:
    rows = pd.DataFrame({"t": [*(f"row {n}" for n in range(20)), "please refuse", "last"]})
    with GeminiBatchServer() as server:
        server.keyless = True
        out = batch_frame(rows, "Say {t}", model_of("google", server), **PROVIDER)
        answered = rows.t != "please refuse"
        assert list(out.response[answered]) == [f"You said: Say {text}" for text in rows.t[answered]]
        assert list(out.error.notna()) == [not each for each in answered]


def test_a_busy_provider_is_asked_again_and_the_file_is_not_uploaded_again() -> None:
    with FileBatchServer() as server:
        busy = iter([Reply(status=429, headers={"retry-after": "0"})] * 5)
        server.disturb = lambda request: next(busy, None) if (request.method, request.path) == STARTS else None
        out = batch_frame(ROWS, "Say {t}", model_of("openai", server, max_retries=0), **PROVIDER)
        assert list(out.response) == SAID and server.count_of("POST", "/files") == 1 and next(busy, None) is None


def test_jobs_that_a_provider_will_not_take_yet_wait_until_others_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(batch_formats.FORMATS, "openai", replace(batch_formats.OPENAI, most=1))
    with FileBatchServer() as server:
        server.looks = 6

        def one_at_once(request: Recorded) -> Reply | None:
            full = any(not server.ended(job) for job in server.jobs)
            return Reply(status=429) if full and (request.method, request.path) == STARTS else None

        server.disturb = one_at_once
        out = batch_frame(ROWS, "Say {t}", model_of("openai", server, max_retries=0), **PROVIDER)
        assert list(out.response) == SAID and len(server.jobs) == 3


def test_a_provider_that_takes_nothing_is_an_error_in_each_row_in_the_end() -> None:
    with FileBatchServer() as server:
        server.disturb = lambda request: Reply(status=429) if (request.method, request.path) == STARTS else None
        out = batch_frame(ROWS, "Say {t}", model_of("openai", server, max_retries=0), **PROVIDER)
        assert out.error.str.startswith("RateLimitError: ").all() and not server.jobs
        server.disturb = lambda request: None
        assert list(batch_frame(ROWS, "Say {t}", model_of("openai", server), **PROVIDER).response) == SAID


def test_a_download_may_be_elsewhere_and_the_key_does_not_go_there() -> None:
    with FileBatchServer("together") as server:
        kept: list[Reply] = []

        def away(request: Any, reply: Reply) -> Reply:
            if request.path.endswith("/content"):
                kept.append(reply)
                return Reply(status=302, headers={"location": f"{store.url}/signed?key=1"})
            return reply

        with Server(lambda request: kept[-1]) as store:
            server.spoil = away
            out = batch_frame(ROWS, "Say {t}", model_of("together", server), **PROVIDER)
            assert list(out.response) == SAID
            assert [request.target for request in store.requests] == ["/signed?key=1"]
            assert "authorization" not in store.requests[0].headers


def faulty(server: JobServer, provider: str, chance: random.Random) -> None:
    """Let many requests fail, some after the server has done what it was asked, and many downloads break off."""
    faults = [Reply(status=500), Reply(garbage=b"zz"), Reply(status=503, body="<html>busy</html>"), Reply(body="")]
    faults += [Reply(body={})] if provider != "google" else []  # to whom that is an empty list

    def disturb(request: Recorded) -> Reply | None:
        download = request.path.endswith(("/content", "/results"))
        return chance.choice(faults[:3] if download else faults) if chance.random() < 0.3 else None

    def spoil(request: Recorded, reply: Reply) -> Reply:
        if chance.random() < 0.2:
            return Reply(garbage=b"")
        download = request.path.endswith(("/content", "/results")) and isinstance(reply.body, bytes)
        return Reply(body=reply.body, cut=True) if download and chance.random() < 0.3 else reply

    server.disturb, server.spoil = disturb, spoil


@pytest.mark.filterwarnings("ignore:the batch stopped", "ignore:the results of")
@pytest.mark.parametrize("provider", MODELS)
@pytest.mark.parametrize("seed", [5])
def test_with_a_server_that_fails_all_the_time_calls_again_end_with_every_row_right_and_asked_once(
    seed: int, provider: str
) -> None:
    rows = pd.DataFrame({"t": [f"row {n}" for n in range(300)]})
    with pretend(provider) as server:
        faulty(server, provider, random.Random(seed))
        model = model_of(provider, server, max_retries=0)
        for _ in range(100):
            out = batch_frame(rows, "Say {t}", model, **PROVIDER)
            if out.attrs["nbchat"]["left"] == 0:
                break
        assert list(out.response) == [f"You said: Say row {n}" for n in range(300)]
        assert set(server.asked.values()) == {1} and len(server.jobs) == 1


@pytest.mark.parametrize("body", [{"id": "x"}, [], "<html>moved</html>", {"status": "completed"}])
def test_a_server_that_knows_no_jobs_stops_the_run_with_a_named_error(body: Any) -> None:
    with FileBatchServer() as server:
        server.disturb = lambda request: (
            Reply(body=body if isinstance(body, str | dict) else json.dumps(body))
            if request.path.endswith("/batches")
            else None
        )
        with pytest.warns(RuntimeWarning, match="no batch job|HTML page"):
            out = batch_frame(ROWS, "Say {t}", model_of("openai", server, max_retries=0), **PROVIDER)
        assert out.attrs["nbchat"]["left"] == 3


CANNOT_BE: dict[str, tuple[dict[str, Any], str]] = {
    "a provider without jobs": (
        {"model": "xai:grok-4"},
        "xai has no Batch API that nbchat knows; these have: anthropic",
    ),
    "tools": ({"tools": [len]}, "tools="),
    "no journal": ({"journal": None}, "needs a journal"),
    "a budget without a longest answer": ({"budget_tokens": 100}, "max_tokens="),
    "a mode that is none": ({"mode": "half-price"}, "'live' or 'provider'"),
    "a pause that is none": ({"poll_s": 0}, "poll_s"),
    "groq's Responses API": ({"model": ("groq:x", {"use_responses_api": True})}, "/chat/completions"),
    "prefill": ({"model": ("openai:gpt-4o-mini", {"prefill": True})}, "prefill"),
}


@pytest.mark.parametrize("what", CANNOT_BE)
def test_what_cannot_be_is_told_before_anything_is_sent(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XAI", "OPENAI", "GROQ"):
        monkeypatch.setenv(f"{name}_API_KEY", "k")

    def size(text: str) -> int:
        """Length of a text."""
        return len(text)

    given, said = CANNOT_BE[what]
    arguments = {**PROVIDER, "model": "openai:gpt-4o-mini", **given}
    if what == "tools":
        arguments["tools"] = [size]
    if isinstance(arguments["model"], tuple):
        name, options = arguments["model"]
        arguments["model"] = init_chat_model(name, **options)
    with pytest.raises(ConfigurationError) as error:
        batch_frame(ROWS, "Say {t}", **arguments)
    assert said in str(error.value)
