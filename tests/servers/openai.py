"""A pretend OpenAI Chat Completions endpoint: answers whole and streamed, with its real wire format and refusals."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from math import exp, log
from typing import Any

from tests.servers.conversation import Question, default_answer
from tests.servers.openai_checks import OpenAIError, authorise, check, reject
from tests.servers.reply import EVENT_STREAM, Reply
from tests.servers.request import Recorded
from tests.servers.schema import as_json
from tests.servers.server import Server
from tests.servers.words import CREATED, count, logprob, pieces, stable_id, tokens

Scripted = str | dict[str, Any] | Reply
_ANY_OBJECT = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
MODELS = ("gpt-test", "gpt-4o", "gpt-4o-mini", "gpt-5-mini")


def openai_answer(
    text: str | None = None,
    *,
    tool_calls: Sequence[dict[str, Any]] = (),
    reasoning: str | None = None,
    refusal: str | None = None,
    logprobs: int | None = None,
    usage: dict[str, Any] | None = None,
    finish_reason: str | None = None,
    model: str = "gpt-test",
    prompt_tokens: int = 8,
    seed: object = "",
) -> dict[str, Any]:
    """The JSON body of a chat completion.

    `tool_calls`: `{"name": …, "args": {…} or raw text, "id": …}`, the id optional. `reasoning`: sent as
    `reasoning_content`, as OpenAI-compatible vendors do. `logprobs`: how many alternatives each token lists
    (`top_logprobs`). `usage` replaces the counted one. `seed` goes into the ids.
    """
    calls = [_wire_call(call, i, seed) for i, call in enumerate(tool_calls)]
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": refusal, "annotations": []}
    if reasoning is not None:
        message["reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = calls
    spoken = count([text, refusal, [call["function"] for call in calls]])
    listed = None
    if logprobs is not None and text is not None:
        listed = {"content": token_logprobs(text, logprobs), "refusal": None}
    choice = {
        "index": 0,
        "message": message,
        "logprobs": listed,
        "finish_reason": finish_reason or ("tool_calls" if calls else "stop"),
    }
    return {
        "id": stable_id("chatcmpl-", seed, text, calls),
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [choice],
        "usage": usage or _usage(prompt_tokens, spoken, count(reasoning)),
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
    }


def openai_stream(answer: dict[str, Any], *, include_usage: bool = True) -> list[bytes]:
    """The same answer as server-sent events, one a piece: a token a delta, tool arguments in slices, `[DONE]`."""
    choice, message = answer["choices"][0], answer["choices"][0]["message"]
    deltas = [_opening(choice)]
    for token in tokens(message.get("reasoning_content") or ""):
        deltas.append(({"reasoning_content": token}, None))
    listed = (choice["logprobs"] or {}).get("content")
    if listed is None:
        deltas += [({"content": token}, None) for token in tokens(message["content"] or "")]
    else:
        deltas += [({"content": entry["token"]}, {"content": [entry], "refusal": None}) for entry in listed]
    deltas += [({"refusal": token}, None) for token in tokens(message["refusal"] or "")]
    for index, call in enumerate(message.get("tool_calls", ())):
        first = {**call, "index": index, "function": {"name": call["function"]["name"], "arguments": ""}}
        deltas.append(({"tool_calls": [first]}, None))
        for part in pieces(call["function"]["arguments"]):
            deltas.append(({"tool_calls": [{"index": index, "function": {"arguments": part}}]}, None))
    common = {key: answer[key] for key in ("id", "created", "model", "service_tier", "system_fingerprint")}
    common["object"] = "chat.completion.chunk"
    silent = {"usage": None} if include_usage else {}
    chunks = [{**common, "choices": [_delta(delta, logprobs)], **silent} for delta, logprobs in deltas]
    chunks.append({**common, "choices": [_delta({}, None, choice["finish_reason"])], **silent})
    if include_usage:
        chunks.append({**common, "choices": [], "usage": answer["usage"]})
    for number, chunk in enumerate(chunks):
        chunk["obfuscation"] = "0123456789abcdef"[: number * 7 % 16]  # padding that hides the length of tokens
    return [*map(_event, chunks), b"data: [DONE]\n\n"]


def token_logprobs(text: str, alternatives: int) -> list[dict[str, Any]]:
    """The `content` list of `logprobs`: token, logprob, bytes, top_logprobs (likeliest first)."""
    listed = []
    for at, token in enumerate(tokens(text)):
        first = _token(token, logprob(token, at))
        rest = log(1 - exp(first["logprob"]))
        others = [_token(f" other{n}", rest - n - 1) for n in range(alternatives)]
        top = sorted([first, *others], key=lambda entry: -entry["logprob"])[:alternatives]
        listed.append({**first, "top_logprobs": top})
    return listed


class OpenAIHandler:
    """Answers requests as OpenAI would. `answer(body)` gives text, fields of `openai_answer`, or a whole `Reply`."""

    def __init__(
        self, answer: Callable[[dict[str, Any]], Scripted] | None = None, *, latency: float = 0.0, gap: float = 0.0
    ) -> None:
        self._answer = answer or (lambda body: default_answer(question(body)))
        self._latency = latency
        self._gap = gap

    def __call__(self, request: Recorded) -> Reply:
        """The reply to one request, refusals included."""
        headers = {"x-request-id": stable_id("req_", request.body)}
        try:
            authorise(request)
            if request.path.endswith("/models"):
                return Reply(headers=headers, body=_models())
            if request.method != "POST" or not request.path.endswith("/chat/completions"):
                raise OpenAIError(404, f"Invalid URL ({request.method} {request.path})")
            body = check(request)
        except OpenAIError as error:
            return reject(error, headers)
        scripted = self._answer(body)
        if isinstance(scripted, Reply):
            return scripted
        answer = self._complete(body, {"text": scripted} if isinstance(scripted, str) else scripted)
        if not body.get("stream"):
            return Reply(headers=headers, body=answer, delay=self._latency)
        include_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        events = openai_stream(answer, include_usage=include_usage)
        headers["content-type"] = EVENT_STREAM
        return Reply(headers=headers, body=events, delay=self._latency, gap=self._gap)

    def _complete(self, body: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "model": body["model"],
            "prompt_tokens": count([body["messages"], body.get("tools", [])]),
            "seed": len(body["messages"]),
        }
        if body.get("logprobs"):
            asked["logprobs"] = body.get("top_logprobs") or 0
        if isinstance(body.get("tool_choice"), dict):
            asked["finish_reason"] = "stop"  # what OpenAI says of a call it was forced to make by name
        return openai_answer(**{**asked, **_limited(body, fields)})


class OpenAIServer(Server):
    """`with OpenAIServer() as server:` a client with base URL `server.base_url` and any key meets OpenAI.

    `first`: replies given before it starts to answer, such as faults. `latency`: seconds before the answer.
    `gap`: seconds before each event. A key that starts with `invalid` is refused (401), and so is no key; a model
    whose name holds `does-not-exist` is unknown (404).
    """

    def __init__(
        self,
        answer: Callable[[dict[str, Any]], Scripted] | None = None,
        *,
        first: Sequence[Reply] = (),
        latency: float = 0.0,
        gap: float = 0.0,
        port: int = 0,
    ) -> None:
        super().__init__([*first, OpenAIHandler(answer, latency=latency, gap=gap)], port=port)

    @property
    def base_url(self) -> str:
        """The address a client is given: `…/v1`."""
        return f"{self.url}/v1"


def question(body: dict[str, Any]) -> Question:
    """A Chat Completions request in no provider's words."""
    messages = body["messages"]
    asked = max((i for i, m in enumerate(messages) if m["role"] == "user"), default=0)
    choice = body.get("tool_choice", "auto")
    tools = {t["function"]["name"]: t["function"].get("parameters") or {} for t in body.get("tools", ())}
    must = choice["function"]["name"] if isinstance(choice, dict) else {"required": "*"}.get(choice)
    wanted = body.get("response_format") or {}
    schemas = {"json_schema": wanted.get("json_schema", {}).get("schema"), "json_object": _ANY_OBJECT}
    return Question(
        prompt=_text(messages[asked].get("content")),
        tools={} if choice == "none" else tools,
        results=[_text(m["content"]) for m in messages[asked:] if m["role"] == "tool"],
        must=must,
        schema=schemas.get(wanted.get("type", "text")),
        parallel=body.get("parallel_tool_calls") is not False,
    )


def _limited(body: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """The text cut at `stop` and at the token limit."""
    text = fields.get("text")
    if text is None:
        return fields
    stops = body.get("stop") or []
    for stop in [stops] if isinstance(stops, str) else stops:
        text = text.partition(stop)[0]
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    said = tokens(text)
    if limit is None or len(said) <= limit:
        return {**fields, "text": text}
    return {**fields, "text": "".join(said[:limit]), "finish_reason": "length"}


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return content or ""


def _wire_call(call: dict[str, Any], index: int, seed: object) -> dict[str, Any]:
    args = call.get("args", {})
    raw = args if isinstance(args, str) else as_json(args)
    function = {"name": call["name"], "arguments": raw}
    return {"id": call.get("id") or stable_id("call_", seed, index, raw), "type": "function", "function": function}


def _usage(prompt: int, spoken: int, reasoned: int) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": spoken + reasoned,
        "total_tokens": prompt + spoken + reasoned,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoned,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _opening(choice: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    content = None if choice["message"]["content"] is None else ""
    opening = {"role": "assistant", "content": content, "refusal": None}
    return opening, None if choice["logprobs"] is None else {"content": [], "refusal": None}


def _delta(delta: dict[str, Any], logprobs: Any, finish_reason: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}


def _token(token: str, value: float) -> dict[str, Any]:
    return {"token": token, "logprob": value, "bytes": list(token.encode())}


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def _models() -> dict[str, Any]:
    listed = [{"id": name, "object": "model", "created": CREATED, "owned_by": "openai"} for name in MODELS]
    return {"object": "list", "data": listed}
