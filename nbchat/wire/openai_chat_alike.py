"""Events of a stream that are alike but for their text: most are, and reading only that costs a third. Pure."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json, to_json

_TRIES = 8  # vendors that pad every event with other bytes are found out after so many


class Alike:
    """Learns from one event what stands before and behind its text; then reads the text of the next ones.

    Only events whose every other byte is the same are read so, and only text that JSON writes as it is: what they mean
    beside their text is therefore what the learned one meant.
    """

    def __init__(self) -> None:
        self._before = b""
        self._behind = b""
        self._tries = 0

    def text(self, payload: bytes) -> str | None:
        """The text of an event that is like the learned one; None where it has to be read whole."""
        before, behind = self._before, self._behind
        if not before or not payload.startswith(before):
            return None
        payload = _unpadded(payload)
        if not payload.endswith(behind):
            return None
        text = payload[len(before) : -len(behind)]
        if len(payload) <= len(before) + len(behind) or b'"' in text or b"\\" in text:
            return None
        try:
            decoded = text.decode()
        except UnicodeDecodeError:
            return None
        return decoded if decoded.isprintable() else None

    def learn(self, payload: bytes, index: Any) -> None:
        """Learn from an event that brought a piece of text of this choice; nothing where it brought more."""
        if self._tries >= _TRIES:
            return
        self._tries += 1
        payload = _unpadded(payload)
        try:
            event = from_json(payload)
        except ValueError:  # half a surrogate pair, which was mended for the reader
            return
        content = _only_text(event, index)
        if not content:
            return
        for name in (b'"content":', b'"content": '):
            before, found, behind = payload.partition(name + to_json(content))
            if found:
                opening, closing = before + name + b'"', b'"' + behind
                if from_json(opening + b"x" + closing) == _with_text(event, "x"):
                    self._before, self._behind = opening, closing


def _unpadded(payload: bytes) -> bytes:
    """Without OpenAI's `obfuscation`: padding of random length, against reading the traffic by its lengths."""
    event, found, padding = payload.rpartition(b',"obfuscation":"')
    if found and padding.endswith(b'"}') and (padding[:-2].isalnum() or padding == b'"}'):
        return event + b"}"
    return payload


def _only_text(event: Any, index: Any) -> str | None:
    """The text of an event that has one choice, this one, and nothing in it but text."""
    match event:
        case {"choices": [{"delta": {"content": str(text), **more}, **rest}]}:
            quiet = not (more.keys() - {"role"}) and not (rest.keys() - {"index", "finish_reason", "logprobs"})
            told = rest.get("finish_reason") or rest.get("logprobs") or event.get("error") or event.get("usage")
            return text if quiet and not told and (rest.get("index") or 0) == index else None
    return None


def _with_text(event: dict[str, Any], text: str) -> dict[str, Any]:
    choice = event["choices"][0]
    return {**event, "choices": [{**choice, "delta": {**choice["delta"], "content": text}}]}
