"""Providers' errors read into one tree, one shape or wording a case."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbchat.values import errors
from nbchat.values.errors import ProviderError
from nbchat.wire.errors import REQUEST_IDS, read_error


def read(status: int | None, body: Any, **headers: str) -> ProviderError:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_error("acme", status, {name.replace("_", "-"): value for name, value in headers.items()}, sent)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "BadRequestError"),
        (401, "AuthenticationError"),
        (402, "QuotaError"),
        (403, "PermissionDeniedError"),
        (404, "NotFoundError"),
        (408, "ServerError"),
        (409, "ServerError"),
        (413, "BadRequestError"),
        (418, "BadRequestError"),
        (422, "BadRequestError"),
        (429, "RateLimitError"),
        (500, "ServerError"),
        (502, "ServerError"),
        (503, "OverloadedError"),
        (520, "ServerError"),
        (529, "OverloadedError"),
    ],
)
def test_a_status_alone_tells_the_kind(status: int, kind: str) -> None:
    error = read(status, {"error": {"message": "Something."}})
    assert type(error) is getattr(errors, kind)
    assert error.status == status
    assert f"acme answered {status}: Something." in str(error)


SHAPES = {
    "openai": {"error": {"message": "Boom", "type": "invalid_request_error", "param": None, "code": "odd"}},
    "anthropic": {"type": "error", "error": {"type": "invalid_request_error", "message": "Boom"}},
    "google": {"error": {"code": 400, "message": "Boom", "status": "INVALID_ARGUMENT"}},
    "google, streamed": [{"error": {"code": 400, "message": "Boom", "status": "INVALID_ARGUMENT"}}],
    "bedrock": {"message": "Boom"},
    "bedrock, capital": {"Message": "Boom"},
    "ollama": {"error": "Boom"},
    "xai": {"code": "odd", "error": "Boom"},
    "mistral": {"detail": "Boom"},
    "mistral, nested": {
        "object": "error",
        "message": {"detail": [{"loc": ["body", "x"], "msg": "Boom"}]},
        "type": "invalid",
    },
    "fastapi": {"detail": [{"loc": ["body", 0, "x"], "msg": "Boom", "type": "missing"}]},
    "vllm": {"object": "error", "message": "Boom", "type": "BadRequestError", "code": 400},
    "cloudflare": {"success": False, "errors": [{"code": 5006, "message": "Boom"}]},
    "databricks": {"error_code": "BAD_REQUEST", "message": "Boom"},
    "huggingface": {"error": ["Boom"]},
    "nvidia": {"status": 400, "title": "Bad", "detail": "Boom"},
    "openrouter": {
        "error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": "Boom", "provider_name": "X"}}
    },
    "a string": "Boom",
    "plain text": b"Boom",
    "a list": ["Boom"],
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_providers_words_are_found_in_any_shape(shape: Any) -> None:
    error = read(400, shape)
    assert type(error) is errors.BadRequestError
    assert "Boom" in str(error)


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (400, "This model's maximum context length is 8192 tokens.", "ContextLengthError"),
        (400, "prompt is too long: 3333404 tokens > 200000 maximum", "ContextLengthError"),
        (400, "input length and `max_tokens` exceed context limit: 1 + 2 > 2", "ContextLengthError"),
        (
            400,
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            "ContextLengthError",
        ),
        (400, "Input is too long for requested model.", "ContextLengthError"),
        (400, "the request exceeds the available context size, try increasing it", "ContextLengthError"),
        (
            400,
            "This model's maximum prompt length is 131072 but the request contains 200000 tokens.",
            "ContextLengthError",
        ),
        (422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096.", "ContextLengthError"),
        (413, "Request too large for model `x` on tokens per minute (TPM): Limit 6000", "ContextLengthError"),
        (400, "max_tokens is too large: 5000. This model supports at most 4096 completion tokens", "BadRequestError"),
        (400, "Output blocked by content filtering policy", "ContentFilterError"),
        (400, "Content Exists Risk", "ContentFilterError"),
        (400, "System detected potentially unsafe or sensitive content in input.", "ContentFilterError"),
        (400, "Input data may contain inappropriate content.", "ContentFilterError"),
        (400, "Prompt exceeds max length", "ContextLengthError"),
        (400, "Range of input length should be [1, 129024]", "ContextLengthError"),
        (403, "Your newly created team doesn't have any credits or licenses yet.", "QuotaError"),
        (
            400,
            "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
            "ContentFilterError",
        ),
        (403, "Content violates usage guidelines.", "ContentFilterError"),
        (403, 'x requires moderation on OpenRouter. Your input was flagged for "violence".', "ContentFilterError"),
        (400, "API key not valid. Please pass a valid API key.", "AuthenticationError"),
        (400, "Incorrect API key provided.", "AuthenticationError"),
        (400, "Your credit balance is too low to access the API.", "QuotaError"),
        (429, "You exceeded your current quota, please check your plan and billing details.", "QuotaError"),
        (
            429,
            "Rate limit reached. Please try again in 7m12.5s. Need more? See https://x.example/billing",
            "RateLimitError",
        ),
        (403, "Unauthorized IP address", "PermissionDeniedError"),
        (500, "The model is overloaded. Please try again later.", "OverloadedError"),
    ],
)
def test_words_tell_what_a_status_does_not(status: int, words: str, kind: str) -> None:
    assert type(read(status, {"error": {"message": words}})) is getattr(errors, kind)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "context_length_exceeded", "ContextLengthError"),
        (400, "content_filter", "ContentFilterError"),
        (429, "insufficient_quota", "QuotaError"),
        (429, "exceeded_current_quota_error", "QuotaError"),
        (400, "model_not_found", "NotFoundError"),
        (500, "overloaded_error", "OverloadedError"),
        (404, "invalid_request_error", "NotFoundError"),
        (None, "overloaded_error", "OverloadedError"),
        (None, "rate_limit_error", "RateLimitError"),
        (None, "authentication_error", "AuthenticationError"),
        (None, "odd", "ServerError"),
    ],
)
def test_codes_tell_what_a_status_does_not(status: int | None, code: str, kind: str) -> None:
    error = read(status, {"error": {"message": "Boom", "code": code}})
    assert type(error) is getattr(errors, kind)
    assert error.code == code


def test_the_type_of_an_aws_error_may_be_in_a_header_alone() -> None:
    error = read(403, {"message": "Bad token."}, x_amzn_errortype="UnrecognizedClientException:http://x.example/")
    assert type(error) is errors.AuthenticationError
    assert error.code == "UnrecognizedClientException"


@pytest.mark.parametrize("inside", [{"code": 429}, {"code": "429"}, {"status_code": 429}, {"status": 429}])
def test_an_error_in_a_stream_may_name_its_status(inside: dict[str, Any]) -> None:
    error = read(None, {"error": {"message": "Slow down", **inside}})
    assert type(error) is errors.RateLimitError
    assert error.status is None
    assert "acme broke off its answer: Slow down" in str(error)


@pytest.mark.parametrize("name", REQUEST_IDS)
def test_the_request_id_is_told(name: str) -> None:
    error = read(500, {"error": {"message": "Boom"}}, **{name: "r-1"})
    assert error.request_id == "r-1"
    assert "(request r-1)" in str(error)


@pytest.mark.parametrize(
    "body", [{"request_id": "r-2", "error": {"message": "Boom"}}, {"error": {"request_id": "r-2", "message": "Boom"}}]
)
def test_the_request_id_may_be_in_the_body(body: Any) -> None:
    assert read(500, body).request_id == "r-2"


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        ({"message": "x", "details": [{"@type": "RetryInfo", "retryDelay": "38s"}]}, 38),
        ({"message": "x", "details": [{"retryDelay": "0.5s"}]}, 0.5),
        ({"message": "Please try again in 20ms."}, 0.02),
        ({"message": "Please try again in 1m20.5s. Visit x"}, 80.5),
        ({"message": "Please retry in 2h3m."}, 7380),
        ({"message": "Please try again in 6 s"}, 6),
        ({"message": "Please try again in a moment"}, None),
        ({"message": "x", "details": [{"retryDelay": "soon"}, 7]}, None),
        ({"message": "x", "details": "none"}, None),
    ],
)
def test_the_time_to_wait_may_be_in_the_body(error: dict[str, Any], seconds: float | None) -> None:
    assert read(429, {"error": error}).retry_after == seconds


def test_the_time_to_wait_of_the_headers_comes_first() -> None:
    error = read_error("acme", 429, {}, b'{"error": {"message": "try again in 9s"}}', retry_after=2)
    assert error.retry_after == 2
    assert "; retry in 2 s" in str(error)


def test_a_quota_that_says_when_to_retry_is_a_rate_limit() -> None:
    error = {"message": "You exceeded your current quota, check your billing.", "details": [{"retryDelay": "38s"}]}
    assert type(read(429, {"error": error})) is errors.RateLimitError


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (b"<html><head><title>502 Bad\n Gateway</title></head></html>", "an HTML page titled '502 Bad Gateway'"),
        (b"<!doctype html><body>x", "an HTML page, not the API's own error"),
    ],
)
def test_a_page_of_a_proxy_is_named_by_its_title(page: bytes, words: str) -> None:
    assert words in str(read(502, page))


def test_a_long_message_is_cut_and_an_empty_one_is_said_to_be() -> None:
    assert len(str(read(500, b"x" * 10_000))) < 700
    assert "no reason given" in str(read(500, b""))


def test_an_error_survives_a_pickle() -> None:
    error = pickle.loads(pickle.dumps(read(429, {"error": {"message": "Boom"}}, x_request_id="r")))
    assert (type(error), error.status, error.request_id) == (errors.RateLimitError, 429, "r")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "error",
                    "errors",
                    "message",
                    "detail",
                    "code",
                    "type",
                    "status",
                    "details",
                    "metadata",
                    "raw",
                    "loc",
                    "msg",
                    "retryDelay",
                    "request_id",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values, st.sampled_from([None, 400, 403, 429, 500]))
def test_any_json_is_survived(body: Any, status: int | None) -> None:
    for given_body in (body, json.dumps(body).encode()):
        error = read_error("acme", status, {}, given_body)
        assert isinstance(error, ProviderError)
        assert str(error)


@given(st.binary(max_size=60))
def test_any_bytes_are_survived(body: bytes) -> None:
    assert isinstance(read_error("acme", 500, {}, body), ProviderError)
