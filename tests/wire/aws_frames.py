"""AWS event-stream frames and Converse requests, made and checked without nbchat's code."""

from __future__ import annotations

import json
import struct
from binascii import crc32
from functools import cache
from typing import Any

from botocore.session import get_session
from botocore.validate import ParamValidator


def frame(payload: bytes, **headers: str) -> bytes:
    """One message; `event_type="messageStop"` becomes the header `:event-type`."""
    head = b"".join(_header(":" + name.replace("_", "-"), value) for name, value in headers.items())
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    body = prelude + struct.pack(">I", crc32(prelude)) + head + payload
    return body + struct.pack(">I", crc32(body))


def _header(name: str, value: str) -> bytes:
    return bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value.encode())) + value.encode()


def event(kind: str, content: Any) -> bytes:
    """An ordinary event with JSON content."""
    return frame(json.dumps(content).encode(), message_type="event", event_type=kind)


def delta(index: int, **content: Any) -> bytes:
    """A `contentBlockDelta`, padded as Bedrock pads them."""
    return event("contentBlockDelta", {"contentBlockIndex": index, "delta": content, "p": "abcdef"})


def start(index: int, **content: Any) -> bytes:
    """A `contentBlockStart`."""
    return event("contentBlockStart", {"contentBlockIndex": index, "start": content, "p": "ab"})


def stop(index: int) -> bytes:
    """A `contentBlockStop`."""
    return event("contentBlockStop", {"contentBlockIndex": index, "p": "abc"})


def ended(reason: str = "end_turn", **usage: int) -> bytes:
    """The two events that end an answer."""
    counts = {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5, **usage}
    told = {"usage": counts, "metrics": {"latencyMs": 7}}
    return event("messageStop", {"stopReason": reason}) + event("metadata", told)


def whole(*content: Any, reason: str = "end_turn", **fields: Any) -> bytes:
    """An answer that comes at once."""
    usage = {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}
    message = {"role": "assistant", "content": list(content)}
    return json.dumps({"output": {"message": message}, "stopReason": reason, "usage": usage, **fields}).encode()


def refusals(body: dict[str, Any]) -> list[str]:
    """What AWS's own service model finds wrong with a Converse request."""
    shape, params = _converse(), {"modelId": "m", **body}
    report = ParamValidator().validate(params, shape).generate_report()
    return [report] * bool(report) + list(_wrong_words(params, shape))


@cache
def _converse() -> Any:
    return get_session().get_service_model("bedrock-runtime").operation_model("Converse").input_shape


def _wrong_words(value: Any, shape: Any, path: str = "") -> Any:
    if getattr(shape, "is_document_type", False):
        return
    if shape.type_name == "structure" and isinstance(value, dict):
        for key, inner in value.items():
            if key in shape.members:
                yield from _wrong_words(inner, shape.members[key], f"{path}.{key}")
    elif shape.type_name == "list":
        for place, inner in enumerate(value):
            yield from _wrong_words(inner, shape.member, f"{path}.{place}")
    elif getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{path}: {value!r} is none of {shape.enum}"
