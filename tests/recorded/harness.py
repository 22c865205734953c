"""Replaying recorded exchanges: which codec reads one, in which cuts, and what an independent reader expects of it.

A reader is a module `read_<wire>` with
- `read(exchange) -> Expected`: the answer, read straight from the recorded body without nbchat's code;
- `ALLOWED`: {path pattern: reason} for leaves of the body that need not be found in the message. A path is the keys
  from the top of one JSON document (an event, in a stream) joined by dots, list places as numbers, and a pattern is
  fnmatch's;
- `TOTALS`: paths that a stream repeats, where only what comes last counts ("usage").
"""

from __future__ import annotations

import base64
import importlib
import json
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nbchat.values.errors import ChatError
from nbchat.values.gathering import Gathering
from nbchat.values.messages import AIMessage

CASSETTES = Path(__file__).resolve().parents[3] / "shared" / "cassettes"
needs_recordings = pytest.mark.skipif(not CASSETTES.is_dir(), reason="the recordings lie beside the repository")


@dataclass(frozen=True)
class Failure:
    """The error that an exchange ends in: `kind` is a class of nbchat.values.errors, `message` the provider's words."""

    kind: str
    message: str = ""
    code: str | None = None


@dataclass
class Expected:
    """What an exchange says, by independent reading. Fields left at None are not compared.

    Attributes:
        text: all text, joined.
        tool_calls: (name, parsed arguments, id or None where there is none) in order, without those the provider ran.
        invalid_tool_calls: (name, arguments as they came).
        reasoning: all reasoning text, joined.
        images, audio: base64 data or address of each, in order.
        finish_reason: the provider's own word.
        usage: counts to compare, of input_tokens, output_tokens, total_tokens, cache_read, cache_creation, reasoning.
        logprobs: (token, logprob) in order.
        citations: address or title of each citation, in order.
        failure: the error that the answer is, or (with the rest set to what came before) that breaks a stream off.
    """

    text: str = ""
    tool_calls: list[tuple[str, dict[str, Any], str | None]] = field(default_factory=list)
    invalid_tool_calls: list[tuple[str, str]] = field(default_factory=list)
    reasoning: str = ""
    images: list[str] = field(default_factory=list)
    audio: list[str] = field(default_factory=list)
    finish_reason: str | None = None
    usage: dict[str, int] | None = None
    logprobs: list[tuple[str, float]] | None = None
    citations: list[str] | None = None
    failure: Failure | None = None
    model: str | None = None


READERS = {  # wire: (module of its codec, class of the codec, module of the independent reader)
    "openai_chat": ("nbchat.wire.openai_chat", "OpenAIChat", "read_openai_chat"),
    "openai_responses": ("nbchat.wire.openai_responses", "OpenAIResponses", "read_openai_responses"),
    "anthropic": ("nbchat.wire.anthropic", "AnthropicMessages", "read_anthropic"),
    "gemini": ("nbchat.wire.gemini", "GeminiGenerate", "read_gemini"),
    "bedrock": ("nbchat.wire.bedrock", "BedrockConverse", "read_bedrock"),
    "ollama": ("nbchat.wire.ollama", "OllamaChat", "read_ollama"),
}

ORACLES = {  # wire: module whose `accepts(body)` asks the official SDK's request types
    "openai_chat": "tests.wire.openai_chat_oracle",
    "openai_responses": "tests.wire.openai_oracle",
    "anthropic": "tests.wire.anthropic_oracle",
    "gemini": "tests.wire.google_oracle",
}

NEWER_THAN_SDK = {  # exchanges whose answer, sent back as it came, the SDK's types do not know, and why
    "openai-responses-80e7a46ab1": "a search source of type 'api'; the SDK's requests know only 'url'",
}

_BY_PATH = (  # ends of addresses
    ("/chat/completions", "openai_chat"),
    ("/responses", "openai_responses"),
    ("/messages", "anthropic"),
    ("enerateContent", "gemini"),
    ("/converse", "bedrock"),
    ("/converse-stream", "bedrock"),
    ("/api/chat", "ollama"),
)
_BY_PROVIDER = {
    "anthropic": "anthropic",
    "google": "gemini",
    "bedrock": "bedrock",
    "ollama": "ollama",
    "openai-responses": "openai_responses",
}


def exchanges() -> list[Path]:
    """Every recorded exchange, in order; empty where the recordings are not at hand."""
    return sorted(CASSETTES.glob("*/*.json"))


def load(path: Path) -> dict[str, Any]:
    """One exchange, see the recordings' README."""
    return json.loads(path.read_text("utf-8"))


def wire_of(exchange: dict[str, Any]) -> str:
    """Which wire format an exchange is in, by its address, else by its provider."""
    url = ((exchange["request"] or {}).get("url") or "").partition("?")[0]
    by_path = next((wire for end, wire in _BY_PATH if url.endswith(end)), None)
    return by_path or _BY_PROVIDER.get(exchange["provider"], "openai_chat")


def codec_of(wire: str) -> Any:
    """A codec of this wire format, without any vendor's quirks."""
    module, name, _ = READERS[wire]
    return getattr(importlib.import_module(module), name)()


def reader_of(wire: str) -> ModuleType:
    """The independent reader of this wire format."""
    return importlib.import_module(f"tests.recorded.{READERS[wire][2]}")


def accepted(wire: str, body: dict[str, Any]) -> bool:
    """Whether the official SDK would send this body; its ValidationError tells what is wrong with it."""
    return wire not in ORACLES or importlib.import_module(ORACLES[wire]).accepts(body)


def provider_of(exchange: dict[str, Any]) -> str:
    """The provider's short name."""
    return exchange["provider"].rpartition(":")[2]


def body_of(exchange: dict[str, Any]) -> bytes:
    """The response's body, as received."""
    response = exchange["response"]
    if response.get("body_base64") is not None:
        return base64.b64decode(response["body_base64"])
    return (response.get("body_text") or "").encode()


def documents(exchange: dict[str, Any]) -> list[Any]:
    """Every JSON document in the body: one, or one an event."""
    body, wire = body_of(exchange), exchange["wire"]
    if wire == "sse":
        lines = [
            line.removeprefix(b"data:").strip()
            for line in body.replace(b"\r\n", b"\n").split(b"\n")
            if line.startswith(b"data:")
        ]
        return [json.loads(line) for line in lines if line and line != b"[DONE]"]
    if wire == "ndjson":
        return [json.loads(line) for line in body.split(b"\n") if line.strip()]
    if wire == "eventstream":
        return [json.loads(payload) for _, payload in frames(body)]
    found = json.loads(body)
    return found if wire == "json-array" else [found]


def frames(body: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
    """AWS event-stream frames as (string headers, payload)."""
    while body:
        size, head = struct.unpack(">II", body[:8])
        headers, rest = {}, body[12 : 12 + head]
        while rest:
            end = 1 + rest[0]
            length = struct.unpack(">H", rest[end + 1 : end + 3])[0]  # every header here is a string
            headers[rest[1:end].decode()] = rest[end + 3 : end + 3 + length].decode()
            rest = rest[end + 3 + length :]
        yield headers, body[12 + head : size - 4]
        body = body[size:]


def streamed(exchange: dict[str, Any]) -> bool:
    """Whether the answer came as a stream."""
    return exchange["wire"] != "json"


Outcome = tuple[AIMessage, ChatError | None]


def decode(codec: Any, exchange: dict[str, Any], pieces: list[bytes]) -> Outcome:
    """(message as far as it came, error that ended it or None) of a stream, fed piece by piece."""
    decoder, whole = codec.decoder(provider_of(exchange)), Gathering()
    try:
        for data in pieces:
            for chunk in decoder.feed(data):
                whole.add(chunk)
        for chunk in decoder.close():
            whole.add(chunk)
    except ChatError as error:
        return whole.message(), error
    return whole.message(), None


def answer(codec: Any, exchange: dict[str, Any]) -> Outcome:
    """The same for an answer that came whole."""
    try:
        return codec.answer(body_of(exchange), provider_of(exchange)), None
    except ChatError as error:
        return AIMessage(), error


def cuts(body: bytes, *, most: int = 20_000) -> dict[str, list[bytes]]:
    """The body whole, byte by byte (in its first and last 10,000 bytes, where it is longer), and in arbitrary cuts."""
    half = most // 2
    single = [bytes([b]) for b in body] if len(body) <= most else [
        *(bytes([b]) for b in body[:half]), body[half:-half], *(bytes([b]) for b in body[-half:])
    ]  # fmt: skip
    ways = {"whole": [body], "byte by byte": single}
    for seed in range(3):
        chance = random.Random(seed)
        places = sorted(chance.sample(range(len(body)), min(len(body), 40 * 4**seed)))
        ways[f"cut at {len(places)} places"] = [
            body[a:b] for a, b in zip([0, *places], [*places, len(body)], strict=True)
        ]
    return ways
