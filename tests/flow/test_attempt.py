"""One answer and its retries, stepped by hand: no network, no clock."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest

from nbchat.flow.attempt import Target, attempt
from nbchat.flow.effects import Effect, Route
from nbchat.flow.retry import retry_after, wait_before
from nbchat.providers.endpoint import Endpoint, Secret
from nbchat.values.chunks import AIMessageChunk
from nbchat.values.errors import (
    APIConnectionError,
    AuthenticationError,
    CertificateError,
    ChatError,
    QuotaError,
    RateLimitError,
    ServerError,
)
from nbchat.wire.codec import Request
from nbchat.wire.openai_chat import OpenAIChat
from tests.servers import openai_answer, openai_stream

ENDPOINT = Endpoint("acme", "http://acme.test/v1", Secret("sk-secret-key"))
ANSWER = openai_answer("Hello there, friend")
EVENTS = b"".join(openai_stream(ANSWER))
Reply = tuple[int, dict[str, str], list[bytes]]


def play(replies: list[Reply | ChatError], *, stream: bool, retries: int = 2) -> tuple[Any, list[Any], list[float]]:
    """(message or error, chunks, waits) of an attempt against these replies."""
    target = Target(OpenAIChat(), Route(ENDPOINT), max_retries=retries)
    flow = attempt(target, Request("/chat/completions", {"stream": stream}), stream)
    waiting, shown, waits = list(replies), [], []
    pieces: list[bytes] = []
    value: Any = None
    failure: ChatError | None = None
    try:
        while True:
            step = flow.throw(failure) if failure else flow.send(value)
            value, failure = None, None
            match step:
                case AIMessageChunk():
                    shown.append(step)
                case Effect("open"):
                    reply = waiting.pop(0)
                    if isinstance(reply, ChatError):
                        failure = reply
                    else:
                        status, headers, body = reply
                        pieces, value = list(body), (status, headers)
                case Effect("read"):
                    value = pieces.pop(0) if pieces else b""
                case Effect("read_all"):
                    value = b"".join(pieces)
                case Effect("sleep", (seconds,)):
                    waits.append(seconds)
                case Effect("clock" | "now"):
                    value = 0.0
    except StopIteration as done:
        return done.value, shown, waits
    except ChatError as error:
        return error, shown, waits


def ok(body: bytes, stream: bool) -> Reply:
    return 200, {"content-type": "text/event-stream" if stream else "application/json"}, [body]


def whole() -> Reply:
    return ok(json.dumps(ANSWER).encode(), stream=False)


def busy(status: int = 429, **headers: str) -> Reply:
    return status, {k.replace("_", "-"): v for k, v in headers.items()}, [b'{"error": {"message": "busy"}}']


def test_a_streamed_answer_adds_up_to_the_message_returned() -> None:
    message, chunks, _ = play([ok(EVENTS, stream=True)], stream=True)
    assert message.text == "Hello there, friend"
    assert sum(chunks) == message


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
def test_a_busy_server_is_asked_again(status: int) -> None:
    message, _, waits = play([busy(status), busy(status), whole()], stream=False)
    assert message.text == "Hello there, friend"
    assert len(waits) == 2
    assert message.timing["attempts"] == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_is_not_asked_again(status: int) -> None:
    error, _, waits = play([busy(status)], stream=False)
    assert isinstance(error, ChatError)
    assert not waits


def test_the_servers_own_wait_is_obeyed() -> None:
    _, _, waits = play([busy(retry_after="3"), busy(retry_after_ms="250"), whole()], stream=False)
    assert waits == [3.0, 0.25]


def test_a_wait_that_is_too_long_is_the_users_to_decide() -> None:
    error, _, waits = play([busy(retry_after="3600")], stream=False)
    assert isinstance(error, RateLimitError)
    assert error.retry_after == 3600
    assert not waits


def test_retries_end() -> None:
    error, _, waits = play([busy(500)] * 3, stream=False)
    assert isinstance(error, ServerError)
    assert len(waits) == 2


def test_no_credit_is_not_asked_again() -> None:
    body = b'{"error": {"code": "insufficient_quota", "message": "You exceeded your current quota"}}'
    reply: Reply = (429, {}, [body])
    error, _, waits = play([reply], stream=False)
    assert isinstance(error, QuotaError)
    assert not waits


def test_a_certificate_that_is_not_trusted_is_not_asked_for_again() -> None:
    error, _, waits = play([CertificateError("self-signed")], stream=False)
    assert isinstance(error, CertificateError)
    assert not waits


def test_a_failed_connection_is_tried_again() -> None:
    message, _, waits = play([APIConnectionError("refused"), whole()], stream=False)
    assert message.text == "Hello there, friend"
    assert len(waits) == 1


def test_a_server_that_ignores_the_wish_for_a_stream_is_understood() -> None:
    message, chunks, _ = play([whole()], stream=True)
    assert len(chunks) == 1
    assert chunks[0] == message


def asked(target: Target, body: dict[str, Any], refuse: Callable[[dict[str, Any]], str | None]) -> list[dict[str, Any]]:
    """The bodies that are sent to a server which refuses some of them, with these words."""
    flow = attempt(target, Request("/chat/completions", body), False, model="m")
    opened: list[dict[str, Any]] = []
    value: Any = None
    with suppress(StopIteration, ChatError):
        while len(opened) < 9:
            step = flow.send(value)
            match step:
                case Effect("open"):
                    opened.append(step.args[1].body)
                    value = (200 if refuse(opened[-1]) is None else 400, {})
                case Effect("read_all"):
                    words = refuse(opened[-1])
                    value = json.dumps(ANSWER if words is None else {"error": {"message": words}}).encode()
                case _:
                    value = 0.0
    return opened


def no_usage_in_streams(body: dict[str, Any]) -> str | None:
    return f"Unknown parameter: stream_options (request {uuid4()})" if "stream_options" in body else None


def test_a_field_that_the_server_refuses_is_left_out_and_from_then_on() -> None:
    target = Target(OpenAIChat(), Route(ENDPOINT))
    body = {"stream": True, "stream_options": {"include_usage": True}}
    assert asked(target, body, no_usage_in_streams) == [body, {"stream": True}]
    assert asked(target, body, no_usage_in_streams) == [{"stream": True}]


def test_what_many_learn_at_once_is_kept_once() -> None:
    def while_another_asks(given: dict[str, Any]) -> str | None:
        asked(target, body, no_usage_in_streams)
        return no_usage_in_streams(given)

    target, body = Target(OpenAIChat(), Route(ENDPOINT)), {"stream_options": {"include_usage": True}}
    assert len(asked(target, body, while_another_asks)) == 2
    assert len(target.refusals["m"]) == 1


def test_a_server_that_refuses_either_form_is_not_asked_for_ever() -> None:
    words = "Unsupported: give max_tokens or max_completion_tokens"
    target = Target(OpenAIChat(), Route(ENDPOINT))
    assert asked(target, {"max_tokens": 5}, lambda body: words) == [{"max_tokens": 5}, {"max_completion_tokens": 5}]
    assert asked(target, {"max_tokens": 5}, lambda body: None) == [{"max_tokens": 5}]


def test_a_key_that_the_provider_quotes_is_blotted_out() -> None:
    reply: Reply = (401, {}, [b'{"error": {"message": "Incorrect API key provided: sk-secret-key"}}'])
    error, _, _ = play([reply], stream=False)
    assert isinstance(error, AuthenticationError)
    assert "sk-secret-key" not in str(error) + repr(error) + repr(error.body)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 90.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:01 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "-3"}, 0.0),
        ({}, None),
    ],
)
def test_retry_after_in_seconds_milliseconds_and_as_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, now=10.0) == seconds


def test_the_backoff_doubles_and_is_jittered() -> None:
    error = ServerError("busy", status=500)
    for attempt_number in range(6):
        top = min(8.0, 0.5 * 2**attempt_number)
        waits = {wait_before(attempt_number, error) for _ in range(20)}
        assert all(top / 2 <= wait <= top for wait in waits if wait is not None)
        assert len(waits) > 1
