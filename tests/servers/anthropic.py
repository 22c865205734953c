"""A pretend Anthropic Messages endpoint: answers whole and streamed, with its real wire format and refusals."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from tests.servers.anthropic_checks import AnthropicError, authorise, check, reject, signature
from tests.servers.conversation import Question, default_answer
from tests.servers.reply import EVENT_STREAM, Reply
from tests.servers.request import Recorded
from tests.servers.schema import as_json
from tests.servers.server import Server
from tests.servers.words import count, pieces, stable_id, tokens

Scripted = str | dict[str, Any] | Reply
MODELS = ("claude-test", "claude-haiku-4-5", "claude-sonnet-4-5")


def anthropic_answer(
    text: str | None = None,
    *,
    tool_calls: Sequence[dict[str, Any]] = (),
    thinking: str | None = None,
    usage: dict[str, Any] | None = None,
    stop_reason: str | None = None,
    stop_sequence: str | None = None,
    model: str = "claude-test",
    prompt_tokens: int = 8,
    seed: object = "",
) -> dict[str, Any]:
    """The JSON body of a message: a thinking block, a text block, tool_use blocks, each where given.

    `tool_calls`: `{"name": …, "args": {…}, "id": …}`, the id optional. `usage` is merged over the counted one.
    """
    content: list[dict[str, Any]] = []
    if thinking is not None:
        content.append({"type": "thinking", "thinking": thinking, "signature": signature(thinking)})
    if text:
        content.append({"type": "text", "text": text})
    for index, call in enumerate(tool_calls):
        args = call.get("args", {})
        made = stable_id("toolu_01", seed, index, args)
        content.append({"type": "tool_use", "id": call.get("id") or made, "name": call["name"], "input": args})
    return {
        "model": model,
        "id": stable_id("msg_01", seed, content),
        "type": "message",
        "role": "assistant",
        "content": content,
        "stop_reason": stop_reason or ("tool_use" if tool_calls else "end_turn"),
        "stop_sequence": stop_sequence,
        "stop_details": None,
        "usage": {**_usage(prompt_tokens, _spoken(content)), **(usage or {})},
    }


def anthropic_stream(answer: dict[str, Any]) -> list[bytes]:
    """The same message as server-sent events, one a piece; the usage of `message_delta` is the total."""
    started = {**answer, "content": [], "stop_reason": None, "stop_sequence": None}
    started["usage"] = {**answer["usage"], "output_tokens": 1}
    events = [_event("message_start", message=started)]
    for index, block in enumerate(answer["content"]):
        empty, deltas = _pieces(block)
        events.append(_event("content_block_start", index=index, content_block=empty))
        if index == 0:
            events.append(b'event: ping\ndata: {"type": "ping"}\n\n')
        events += [_event("content_block_delta", index=index, delta=delta) for delta in deltas]
        events.append(_event("content_block_stop", index=index))
    stopped = {key: answer[key] for key in ("stop_reason", "stop_sequence", "stop_details")}
    counted = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
    total = {key: answer["usage"][key] for key in counted}
    return [*events, _event("message_delta", delta=stopped, usage=total), _event("message_stop")]


class AnthropicHandler:
    """Answers requests as Anthropic would. `answer(body)` gives text, fields of `anthropic_answer`, or a `Reply`."""

    def __init__(
        self, answer: Callable[[dict[str, Any]], Scripted] | None = None, *, latency: float = 0.0, gap: float = 0.0
    ) -> None:
        self._answer = answer or (lambda body: default_answer(question(body)))
        self._latency = latency
        self._gap = gap

    def __call__(self, request: Recorded) -> Reply:
        """The reply to one request, refusals included."""
        request_id = stable_id("req_01", request.body)
        headers = {"request-id": request_id}
        try:
            authorise(request)
            if request.path.endswith("/models"):
                return Reply(headers=headers, body=_models())
            if request.method != "POST" or not request.path.endswith("/messages"):
                raise AnthropicError(404, "not_found_error", "Not Found")
            body = check(request)
        except AnthropicError as error:
            return reject(error, request_id)
        scripted = self._answer(body)
        if isinstance(scripted, Reply):
            return scripted
        answer = self._complete(body, {"text": scripted} if isinstance(scripted, str) else scripted)
        if not body.get("stream"):
            return Reply(headers=headers, body=answer, delay=self._latency)
        headers["content-type"] = EVENT_STREAM
        return Reply(headers=headers, body=anthropic_stream(answer), delay=self._latency, gap=self._gap)

    def _complete(self, body: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "model": body["model"],
            "prompt_tokens": count([body.get("system"), body["messages"], body.get("tools", [])]),
            "seed": len(body["messages"]),
        }
        if (body.get("thinking") or {}).get("type") in ("enabled", "adaptive"):
            asked["thinking"] = f"The user asks: {question(body).prompt}"
        return anthropic_answer(**{**asked, **_limited(body, fields)})


class AnthropicServer(Server):
    """`with AnthropicServer() as server:` a client with base URL `server.url` and any key meets Anthropic.

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
        super().__init__([*first, AnthropicHandler(answer, latency=latency, gap=gap)], port=port)


def question(body: dict[str, Any]) -> Question:
    """A Messages request in no provider's words."""
    prompt = ""
    results: list[str] = []
    for message in body["messages"]:
        if message["role"] != "user":
            continue
        blocks = message["content"] if isinstance(message["content"], list) else []
        said = _text(message["content"])
        if said:
            prompt, results = said, []
        results += [_text(block.get("content")) for block in blocks if block["type"] == "tool_result"]
    choice = body.get("tool_choice") or {"type": "auto"}
    tools = {tool["name"]: tool["input_schema"] for tool in body.get("tools", ()) if "input_schema" in tool}
    wanted = body.get("output_format") or (body.get("output_config") or {}).get("format") or {}
    return Question(
        prompt=prompt,
        tools={} if choice["type"] == "none" else tools,
        results=results,
        must={"any": "*", "tool": choice.get("name")}.get(choice["type"]),
        schema=wanted.get("schema"),
        parallel=not choice.get("disable_parallel_tool_use"),
    )


def _limited(body: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """The text cut at a stop sequence and at `max_tokens`."""
    text = fields.get("text")
    if text is None:
        return fields
    for stop in body.get("stop_sequences") or []:
        if stop in text:
            stopped = {"stop_reason": "stop_sequence", "stop_sequence": stop}
            return {**fields, "text": text.partition(stop)[0].rstrip(), **stopped}
    said = tokens(text)
    if len(said) <= body["max_tokens"]:
        return fields
    return {**fields, "text": "".join(said[: body["max_tokens"]]), "stop_reason": "max_tokens"}


def _pieces(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A content block as it starts, and the deltas that fill it."""
    match block["type"]:
        case "text":
            return {**block, "text": ""}, [{"type": "text_delta", "text": part} for part in tokens(block["text"])]
        case "thinking":
            deltas = [{"type": "thinking_delta", "thinking": part} for part in tokens(block["thinking"])]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
            return {**block, "thinking": "", "signature": ""}, deltas
        case "tool_use":
            raw = ["", *pieces(as_json(block["input"]) if block["input"] else "")]
            return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": part} for part in raw]
        case stranger:
            raise ValueError(f"anthropic_stream cannot cut a {stranger!r} block into deltas")


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(block.get("text", "") for block in content if block["type"] == "text")
    return content or ""


def _spoken(content: list[dict[str, Any]]) -> int:
    said = [[block.get("text"), block.get("thinking"), block.get("name")] for block in content]
    return count(said) + sum(count(as_json(block["input"])) for block in content if "input" in block)


def _usage(prompt: int, spoken: int) -> dict[str, Any]:
    return {
        "input_tokens": prompt,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": spoken,
        "service_tier": "standard",
        "inference_geo": "not_available",
    }


def _event(kind: str, **fields: Any) -> bytes:
    data = json.dumps({"type": kind, **fields}, ensure_ascii=False, separators=(",", ":"))
    return f"event: {kind}\ndata: {data}\n\n".encode()


def _models() -> dict[str, Any]:
    created = "2026-01-31T00:00:00Z"
    listed = [{"type": "model", "id": m, "display_name": m.title(), "created_at": created} for m in MODELS]
    return {"data": listed, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]}
