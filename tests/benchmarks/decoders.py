"""CPU per chunk of each decoder beside OpenAI's, on the usual bit of text: `python -m tests.benchmarks.decoders`."""

from __future__ import annotations

import json
from typing import Any

from nbchat.wire.features import codec_class
from tests.benchmarks.client import rate
from tests.wire.aws_frames import delta, ended

CHUNKS = 4000
WORDS = [f" word{n}" for n in range(CHUNKS)]


def sse(event: Any) -> bytes:
    """An event of a stream, named by its type where it has one."""
    name = f"event: {event['type']}\n" if "type" in event else ""
    return f"{name}data: {json.dumps(event)}\n\n".encode()


def openai_chat() -> list[bytes]:
    head = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt", "system_fingerprint": "fp"}
    text = [{**head, "choices": [_choice({"content": word})]} for word in WORDS]
    return [sse(event) for event in (*text, {**head, "choices": [_choice({}, "stop")]})] + [b"data: [DONE]\n\n"]


def _choice(delta_: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta_, "logprobs": None, "finish_reason": reason}


def openai_responses() -> list[bytes]:
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "logprobs": []}
    text = [
        {"type": "response.output_text.delta", "delta": w, "sequence_number": n, **place} for n, w in enumerate(WORDS)
    ]
    whole = {"id": "r_1", "object": "response", "status": "completed", "model": "gpt", "output": []}
    return [sse(event) for event in (*text, {"type": "response.completed", "response": whole})]


def anthropic() -> list[bytes]:
    message = {"id": "m", "type": "message", "role": "assistant", "model": "c", "content": [], "usage": {}}
    first = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    text = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}} for word in WORDS
    ]
    last = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": CHUNKS}}
    return [
        sse(e) for e in ({"type": "message_start", "message": message}, first, *text, last, {"type": "message_stop"})
    ]


def gemini() -> list[bytes]:
    head = {"modelVersion": "g", "responseId": "r", "usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 9}}
    text = [{"candidates": [{"content": {"parts": [{"text": w}], "role": "model"}, "index": 0}], **head} for w in WORDS]
    return [sse(event) for event in (*text, {"candidates": [{"finishReason": "STOP", "index": 0}], **head})]


def bedrock() -> list[bytes]:
    return [*(delta(0, text=word) for word in WORDS), ended()]


def ollama() -> list[bytes]:
    head = {"model": "llama", "created_at": "2026-01-01T00:00:00Z"}
    text = [{**head, "message": {"role": "assistant", "content": word}, "done": False} for word in WORDS]
    last = {**head, "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}
    return [json.dumps(line).encode() + b"\n" for line in (*text, last)]


STREAMS = {f.__name__: f for f in (openai_chat, openai_responses, anthropic, gemini, bedrock, ollama)}


def decoded(wire: str, pieces: list[bytes]) -> int:
    """How many chunks a stream gave."""
    decoder = codec_class(wire)().decoder("bench")
    return sum(1 for piece in pieces for _ in decoder.feed(piece)) + sum(1 for _ in decoder.close())


def main() -> None:
    """Print microseconds of CPU per chunk, and how many times OpenAI's that is."""
    import time

    usual = 0.0
    for wire, stream in STREAMS.items():
        pieces = stream()
        assert decoded(wire, pieces) >= CHUNKS
        each = 1e6 / rate(lambda wire=wire, pieces=pieces: decoded(wire, pieces), time.process_time)
        usual = usual or each
        print(f"{wire:18} {each:6.1f} µs   {each / usual:.2f} x")


if __name__ == "__main__":
    main()
