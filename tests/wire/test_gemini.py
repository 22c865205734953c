"""Gemini: streams in both framings and whole answers read, one test a quirk."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbchat.values.errors import OverloadedError, RateLimitError, ServerError, StreamError
from nbchat.values.messages import AIMessage
from nbchat.wire.gemini import GeminiGenerate
from tests.wire.damage import damaged, survives
from tests.wire.summed import summed

CODEC = GeminiGenerate()


def event(*parts: dict[str, Any], **candidate: Any) -> dict[str, Any]:
    content = {"content": {"role": "model", "parts": list(parts)}} if parts else {}
    return {"candidates": [{**content, "index": 0, **candidate}], "modelVersion": "gemini-test", "responseId": "r1"}


def sse(events: list[Any]) -> bytes:
    return b"".join(b"data: %s\r\n\r\n" % json.dumps(e, ensure_ascii=False).encode() for e in events)


def array(events: list[Any]) -> bytes:
    return b"[" + b"\n,\r\n".join(json.dumps(e, indent=1).encode() for e in events) + b"]\n"


EVENTS = [
    event({"text": "Let me ", "thought": True}),
    event({"text": "look.", "thought": True}),
    event(
        {"executableCode": {"language": "PYTHON", "code": "print(1)", "id": "x1"}, "thoughtSignature": "c2ln"},
        {"text": ""},
    ),
    event({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n", "id": "x1"}}),
    {
        **event({"text": "Zürich\u2028 "}),
        "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 1, "totalTokenCount": 6},
    },
    event({"text": "is 🌧️."}),
    event({"functionCall": {"name": "weather", "args": {"city": "Zürich"}}, "thoughtSignature": "c2lnMg=="}),
    {
        **event(
            {"text": "", "thoughtSignature": "c2lnMw=="},
            finishReason="STOP",
            groundingMetadata={
                "groundingChunks": [{"web": {"uri": "https://a.example/", "title": "A"}}],
                "groundingSupports": [
                    {"segment": {"startIndex": 0, "endIndex": 7, "text": "Zürich"}, "groundingChunkIndices": [0]}
                ],
            },
            logprobsResult={
                "chosenCandidates": [{"token": "Zür", "logProbability": -0.25, "tokenId": 7}],
                "topCandidates": [
                    {"candidates": [{"token": t, "logProbability": p} for t, p in (("Zür", -0.25), ("Bern", -2))]}
                ],
            },
        ),
        "usageMetadata": {
            "promptTokenCount": 50,
            "candidatesTokenCount": 20,
            "totalTokenCount": 90,
            "thoughtsTokenCount": 10,
            "toolUsePromptTokenCount": 10,
            "cachedContentTokenCount": 30,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 42}, {"modality": "IMAGE", "tokenCount": 8}],
            "serviceTier": "standard",
        },
    },
]  # fmt: skip


def read(*pieces: bytes) -> AIMessage:
    return summed(CODEC.decoder("google"), *pieces)


def answered(*parts: dict[str, Any], **candidate: Any) -> AIMessage:
    return CODEC.answer(json.dumps(event(*parts, **{"finishReason": "STOP", **candidate})).encode(), "google")


def test_both_framings_and_the_whole_list_give_equal_messages() -> None:
    message = read(sse(EVENTS))

    assert read(array(EVENTS)) == CODEC.answer(json.dumps(EVENTS).encode(), "google") == message
    assert message.text == "Zürich\u2028 is 🌧️."
    assert message.reasoning == "Let me look."
    assert [b["type"] for b in message.blocks] == [
        "reasoning", "server_tool_call", "server_tool_result", "text", "tool_call", "text",
    ]  # fmt: skip
    assert message.finish_reason == "tool_calls"
    assert message.response_metadata["finish_reason"] == "STOP"
    assert message.response_metadata["model_name"] == "gemini-test"
    assert message.id == "r1"


@pytest.mark.parametrize("form", [sse, array])
def test_bytes_may_be_cut_anywhere(form: Any) -> None:
    data = form(EVENTS)

    assert read(*(bytes([b]) for b in data)) == read(data)


@settings(deadline=None)
@given(st.lists(st.integers(0, len(array(EVENTS))), max_size=30))
def test_arbitrary_cuts_give_the_same_message(places: list[int]) -> None:
    for data in (sse(EVENTS), array(EVENTS)):
        assert read(*(data[a:b] for a, b in pairwise([0, *sorted(places), None]))) == read(data)


@settings(deadline=None)
@given(damaged(EVENTS))
def test_whatever_a_hostile_server_sends_only_our_errors_come_out(events: list[Any]) -> None:
    survives(CODEC, sse(events))
    survives(CODEC, array(events))


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"[", b"{", b"data: "]))
def test_random_bytes_give_only_our_errors(data: bytes, opening: bytes) -> None:
    survives(CODEC, opening + data)


def test_usage_is_the_last_total_with_thoughts_as_output_and_what_tools_added_as_input() -> None:
    message = read(sse(EVENTS))

    assert message.usage_metadata == {
        "input_tokens": 60,
        "output_tokens": 30,
        "total_tokens": 90,
        "input_token_details": {"cache_read": 30, "tool_use": 10, "image": 8},
        "output_token_details": {"reasoning": 10},
    }
    assert message.response_metadata["usage"] == {"serviceTier": "standard"}


def test_grounding_is_citations_counted_in_characters() -> None:
    text = next(b for b in read(sse(EVENTS)).blocks if b["type"] == "text")

    assert text["annotations"] == [
        {
            "type": "citation",
            "url": "https://a.example/",
            "title": "A",
            "cited_text": "Zürich",
            "start_index": 0,
            "end_index": 6,
        }
    ]


def test_recitations_are_citations_too() -> None:
    cited = {"citationSources": [{"startIndex": 1, "endIndex": 3, "uri": "https://b.example/", "license": "mit"}]}
    message = answered({"text": "abcd"}, citationMetadata=cited)

    assert message.blocks[0]["annotations"] == [
        {
            "type": "citation",
            "url": "https://b.example/",
            "start_index": 1,
            "end_index": 3,
            "extras": {"license": "mit"},
        }
    ]


def test_logprobs_take_openais_form() -> None:
    message = read(sse(EVENTS))

    assert message.logprobs is not None
    assert [(t.token, t.logprob) for t in message.logprobs] == [("Zür", -0.25)]
    assert [a.token for a in message.logprobs[0].alternatives] == ["Zür", "Bern"]


def test_a_call_without_an_id_gets_the_same_id_each_time() -> None:
    call = {"functionCall": {"name": "now"}}
    first, second = answered(call, call).tool_calls

    assert first["args"] == {}
    assert first["id"] != second["id"]
    assert answered(call, call).tool_calls[0]["id"] == first["id"]


def test_a_call_with_an_id_keeps_it() -> None:
    assert answered({"functionCall": {"name": "now", "args": {}, "id": "abc"}}).tool_calls[0]["id"] == "abc"


def test_a_calls_arguments_may_come_in_pieces() -> None:
    """Vertex, with `streamFunctionCallArguments`."""

    def piece(args: dict[str, Any]) -> dict[str, Any]:
        return event({"functionCall": {"partialArgs": [args], "willContinue": True}})

    message = read(sse([
        event({"functionCall": {"name": "book", "willContinue": True}, "thoughtSignature": "c2ln"}),
        piece({"jsonPath": "$.city", "stringValue": "New ", "willContinue": True}),
        piece({"jsonPath": "$.city", "stringValue": "York"}),
        piece({"jsonPath": "$.days[0].n", "numberValue": 3}),
        event({"functionCall": {}}),
        event(finishReason="STOP"),
    ]))  # fmt: skip

    assert message.tool_calls[0]["name"] == "book"
    assert message.tool_calls[0]["args"] == {"city": "New York", "days": [{"n": 3}]}
    assert message.blocks[0]["extras"]["signature"] == "c2ln"


def test_a_signature_stays_with_its_own_part() -> None:
    message = answered({"text": "a"}, {"text": "b", "thoughtSignature": "c2ln"}, {"text": "c"})

    assert [(b["text"], b.get("extras")) for b in message.blocks] == [
        ("a", None),
        ("b", {"signature": "c2ln"}),
        ("c", None),
    ]


def test_a_signature_on_an_empty_last_part_leaves_the_content_plain_text() -> None:
    message = read(sse([event({"text": "Hi"}), event({"text": "", "thoughtSignature": "c2ln"}, finishReason="STOP")]))

    assert message.content == "Hi"


@pytest.mark.parametrize(
    ("mime_type", "kind"),
    [
        ("image/png", "image"),
        ("audio/L16;rate=24000", "audio"),
        ("video/mp4", "video"),
        ("application/pdf", "file"),
        (None, "file"),
    ],
)
def test_inline_data_is_a_block_of_its_kind(mime_type: str | None, kind: str) -> None:
    (block,) = answered({"inlineData": {"mimeType": mime_type, "data": "aW1n"}, "thoughtSignature": "c2ln"}).blocks

    assert block == {"type": kind, "base64": "aW1n", "mime_type": mime_type or "", "extras": {"signature": "c2ln"}}


def test_a_picture_that_is_only_a_thought_is_no_part_of_the_answer() -> None:
    part = {"inlineData": {"mimeType": "image/png", "data": "aW1n"}, "thought": True}

    assert answered(part).blocks == [{"type": "reasoning", "reasoning": "", "extras": {"part": part}}]


def test_tools_that_the_provider_runs_are_calls_and_results() -> None:
    parts = [
        {"toolCall": {"id": "t1", "toolType": "FILE_SEARCH", "args": {"q": "x"}}},
        {"toolResponse": {"id": "t1", "toolType": "FILE_SEARCH", "response": {"hits": 1}}},
    ]
    call, result = answered(*parts).blocks

    assert (call["name"], call["args"], call["id"]) == ("file_search", {"q": "x"}, "t1")
    assert (result["tool_call_id"], result["output"], result["status"]) == ("t1", {"hits": 1}, "success")


def test_failed_code_is_an_error() -> None:
    result = {"codeExecutionResult": {"outcome": "OUTCOME_FAILED", "output": "NameError"}}

    assert answered(result).blocks[0]["status"] == "error"


def test_parts_nobody_knows_are_kept() -> None:
    assert answered({"hologram": {"depth": 3}}).blocks == [
        {"type": "non_standard", "value": {"hologram": {"depth": 3}}}
    ]


@pytest.mark.parametrize(
    ("raw", "word", "neutral"),
    [(1, "STOP", "stop"), (2, "MAX_TOKENS", "length"), (3, "SAFETY", "content_filter"), (77, "77", "77")],
)
def test_a_finish_reason_may_be_a_number(raw: int, word: str, neutral: str) -> None:
    message = answered(finishReason=raw)

    assert message.response_metadata["finish_reason"] == word
    assert message.finish_reason == neutral


@pytest.mark.parametrize("form", [sse, array])
def test_a_blocked_prompt_has_no_candidates_and_says_why(form: Any) -> None:
    body = {
        "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
        "usageMetadata": {"promptTokenCount": 7, "totalTokenCount": 7},
    }
    message = CODEC.answer(json.dumps(body).encode(), "google")

    assert read(form([body])) == message
    assert message.text == ""
    assert message.finish_reason == "content_filter"
    assert message.response_metadata["promptFeedback"] == body["promptFeedback"]
    assert message.usage_metadata is not None
    assert message.usage_metadata.input_tokens == 7


def test_a_candidate_without_parts_is_an_empty_answer() -> None:
    message = CODEC.answer(b'{"candidates": [{"content": {"role": "model"}, "finishReason": "MAX_TOKENS"}]}', "google")

    assert (message.content, message.finish_reason) == ("", "length")


def test_other_candidates_are_kept_beside_the_answer() -> None:
    second = {"content": {"parts": [{"text": "B"}]}, "index": 1, "finishReason": "STOP"}
    body = {"candidates": [{"content": {"parts": [{"text": "A"}]}, "finishReason": "STOP"}, second]}
    message = CODEC.answer(json.dumps(body).encode(), "google")

    assert message.text == "A"
    assert message.response_metadata["candidates"] == [second]


def test_fields_nobody_knows_are_kept() -> None:
    body = {**event({"text": "A"}, finishReason="STOP", mood="good"), "modelStatus": {"stage": "preview"}}
    metadata = CODEC.answer(json.dumps(body).encode(), "google").response_metadata

    assert metadata["mood"] == "good"
    assert metadata["modelStatus"] == {"stage": "preview"}


ERROR = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}


@pytest.mark.parametrize("form", [sse, array, lambda events: json.dumps(events[-1]).encode()])
def test_an_error_within_a_stream_is_named(form: Any) -> None:
    with pytest.raises(OverloadedError, match="The model is overloaded"):
        read(form([event({"text": "Half"}), ERROR]))


def test_an_error_may_follow_the_events_as_bare_json() -> None:
    broken = sse([event({"text": "Half"})]) + json.dumps(ERROR, indent=2).encode() + b"\n"
    for pieces in ([broken], [broken[n : n + 1] for n in range(len(broken))]):
        with pytest.raises(OverloadedError, match="The model is overloaded") as caught:
            read(*pieces)
        assert caught.value.partial.text == "Half"


def test_a_page_behind_the_events_is_a_cut() -> None:
    with pytest.raises(StreamError, match="cut"):
        read(sse([event({"text": "Half"})]) + b"<html>Bad gateway</html>\n")


def test_openais_last_word_is_nothing() -> None:
    assert read(sse(EVENTS) + b"data: [DONE]\n\n") == read(sse(EVENTS))


def test_an_error_event_may_be_plain_text() -> None:
    with pytest.raises(ServerError, match="upstream gone"):
        read(sse([event({"text": "Half"})]) + b"event: error\ndata: upstream gone\n\n")


def test_an_error_in_a_whole_answer_is_named() -> None:
    with pytest.raises(RateLimitError):
        CODEC.answer(b'[{"error": {"code": 429, "message": "Slow down.", "status": "RESOURCE_EXHAUSTED"}}]', "google")


@pytest.mark.parametrize("form", [sse, lambda events: array(events)[:-2], lambda events: array(events)[:-9]])
def test_a_stream_without_its_end_is_cut(form: Any) -> None:
    with pytest.raises(StreamError, match="cut") as caught:
        read(form([event({"text": "Half"}), event({"text": " "})]))

    assert caught.value.partial.text.startswith("Half")


@pytest.mark.parametrize("body", [b"", b"<html><body>Hi", b"[1]", b"{}", b'"text"', b'{"choices": []}'])
def test_an_answer_that_is_not_geminis_is_named(body: bytes) -> None:
    with pytest.raises(StreamError, match="google"):
        CODEC.answer(body, "google")
