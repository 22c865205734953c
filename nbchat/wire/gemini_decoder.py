"""Reads a Gemini answer: server-sent events, a streamed JSON array, or whole. No network, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from zlib import crc32

from pydantic_core import to_json

from nbchat.values.blocks import Block
from nbchat.values.chunks import AIMessageChunk
from nbchat.values.errors import StreamError
from nbchat.wire.decoding import StreamDecoder
from nbchat.wire.gemini_args import PartialCall
from nbchat.wire.gemini_citations import citations
from nbchat.wire.gemini_counts import COUNTED, logprobs, read_usage, word
from nbchat.wire.gemini_frames import GeminiFrames
from nbchat.wire.untrusted import object_of, objects_in, text_of

WIRE = "gemini"

_OURS = frozenset({"model_provider", "wire", "model_name", "finish_reason", "logprobs", "candidates", "usage"})
_EVENT = frozenset({"usageMetadata", "modelVersion", "responseId"}) | _OURS
_CONTENT = frozenset({"index", "content"})
_CANDIDATE = _CONTENT | {"finishReason", "logprobsResult"} | _OURS
_FINISH = (  # what the numbers mean, where enums come as numbers
    "FINISH_REASON_UNSPECIFIED", "STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "OTHER", "BLOCKLIST",
    "PROHIBITED_CONTENT", "SPII", "MALFORMED_FUNCTION_CALL",
)  # fmt: skip
_BLOCKED = ("BLOCKED_REASON_UNSPECIFIED", "SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY")


class GeminiDecoder(StreamDecoder):
    """Reads `GenerateContentResponse` objects; each brings some parts of the answer."""

    frames: GeminiFrames

    def __init__(self, provider: str) -> None:
        super().__init__(provider)
        self.frames = GeminiFrames()
        self._metadata: dict[str, Any] = {"model_provider": provider, "wire": WIRE}
        self._usage: Mapping[str, Any] = {}
        self._id: str | None = None
        self._place = -1
        self._kind = ""  # of the block that the next piece of text may go on with
        self._texts: dict[int, list[str]] = {}  # what was said in each text block: citations point into it
        self._calls = 0
        self._partial: PartialCall | None = None

    def on_event(self, name: bytes, event: Any) -> Iterable[AIMessageChunk]:
        if not isinstance(event, dict):
            raise StreamError(f"{self.provider} sent an event that is no Gemini answer: {str(event)[:120]!r}")
        if event.get("error"):
            return self.broken_off(event)
        self._note(event)
        chunks: list[AIMessageChunk] = []
        for candidate in objects_in(event.get("candidates")):
            if candidate.get("index"):  # one of several answers: only the first is the message
                self._metadata.setdefault("candidates", []).append(candidate)
            else:
                chunks += self._candidate(candidate)
        return chunks

    def _note(self, event: Mapping[str, Any]) -> None:
        if self._id is None:
            self._id = text_of(event.get("responseId")) or None
        if model := text_of(event.get("modelVersion")):
            self._metadata["model_name"] = model
        if usage := object_of(event.get("usageMetadata")):
            self._usage = usage  # counts so far, not additions
        if not event.keys() <= _EVENT:
            self._metadata.update({key: event[key] for key in event.keys() - _EVENT})
            if reason := word(object_of(event.get("promptFeedback")).get("blockReason"), _BLOCKED):
                self.done = True
                self._metadata["finish_reason"] = reason

    def _candidate(self, candidate: Mapping[str, Any]) -> list[AIMessageChunk]:
        chunks: list[AIMessageChunk] = []
        for part in objects_in(object_of(candidate.get("content")).get("parts")):
            chunks += self._part(part)
        if candidate.keys() <= _CONTENT:  # the usual case, kept short
            return chunks
        if result := object_of(candidate.get("logprobsResult")):
            found = list(logprobs(result))
            if found:
                chunks.append(AIMessageChunk(blocks=[], response_metadata={"logprobs": {"content": found}}))
            if own := {key: value for key, value in result.items() if key not in ("chosenCandidates", "topCandidates")}:
                self._metadata["logprobsResult"] = own
        if reason := word(candidate.get("finishReason"), _FINISH):
            self.done = True
            self._metadata["finish_reason"] = reason
        for key in candidate.keys() - _CANDIDATE:
            value, before = candidate[key], object_of(self._metadata.get(key))
            self._metadata[key] = {**before, **value} if isinstance(value, dict) else value
        return chunks

    def _part(self, part: dict[str, Any]) -> Iterable[AIMessageChunk]:
        text = part.get("text")
        if len(part) == 1 and isinstance(text, str):  # the usual case, kept short
            return (self._say("text", text),) if text else ()
        return self._unusual(part)

    def _unusual(self, part: dict[str, Any]) -> Iterator[AIMessageChunk]:
        match part:
            case {"text": str(text)} if not _NOT_TEXT & part.keys():
                yield from self._said(part, text)
            case {"thought": True}:  # a draft picture, say: no part of the answer
                yield self._block({"type": "reasoning", "reasoning": "", "extras": {"part": part}})
            case {"functionCall": dict()}:
                yield from self._function_call(part)
            case {"inlineData": {"data": str(data)}}:
                yield self._media(part, "inlineData", {"base64": data})
            case {"fileData": {"fileUri": str(url)}}:
                yield self._media(part, "fileData", {"url": url})
            case {"executableCode": dict(ran)}:
                args = {key: value for key, value in ran.items() if key != "id"}
                yield self._server_tool("code_execution", args, ran, part)
            case {"toolCall": dict(ran)}:
                name = text_of(ran.get("toolType")).lower() or "tool"
                yield self._server_tool(name, dict(object_of(ran.get("args"))), ran, part)
            case {"codeExecutionResult": dict(came)}:
                yield self._server_result(came, came.get("output"), came.get("outcome") in ("OUTCOME_OK", 1), part)
            case {"toolResponse": dict(came)}:
                yield self._server_result(came, came.get("response"), True, part)
            case _:
                yield self._block({"type": "non_standard", "value": part})

    def _say(self, kind: str, text: str) -> AIMessageChunk:
        """A piece of text or of reasoning: goes on with the block before, if that is of its kind."""
        if self._kind != kind:
            self._kind = kind
            self._place += 1
            if kind == "text":
                self._texts[self._place] = []
        if kind == "text":
            self._texts[self._place].append(text)
        return AIMessageChunk(blocks=[{"type": kind, kind: text, "index": self._place}])

    def _said(self, part: Mapping[str, Any], text: str) -> Iterator[AIMessageChunk]:
        """Text with something beside it. A signature belongs to its own part alone, so the block is that part alone."""
        kind = "reasoning" if part.get("thought") is True else "text"
        extras = _extras(part, "text", "thought")
        if not extras:
            if text:
                yield self._say(kind, text)
            return
        self._kind = ""
        chunk = self._say(kind, text)
        chunk.blocks[0]["extras"] = extras
        self._kind = ""
        yield chunk

    def _block(self, block: Block) -> AIMessageChunk:
        self._kind = ""
        self._place += 1
        return AIMessageChunk(blocks=[{**block, "index": self._place}])

    def _media(self, part: Mapping[str, Any], key: str, content: Block) -> AIMessageChunk:
        inside = part[key]
        mime_type = text_of(inside.get("mimeType"))
        extras = _extras(part, key, "text")
        if own := {name: value for name, value in inside.items() if name not in ("mimeType", "data", "fileUri")}:
            extras[key] = own
        block = {"type": _kind_of_media(mime_type), **content, "mime_type": mime_type}
        return self._block(block | ({"extras": extras} if extras else {}))

    def _function_call(self, part: dict[str, Any]) -> Iterator[AIMessageChunk]:
        call = part["functionCall"]
        if self._partial is None and not (call.get("willContinue") or "partialArgs" in call):
            yield self._whole_call(part)
            return
        if self._partial is None or call.get("name"):
            yield from self._end_partial()
            self._partial = PartialCall(part)
        self._partial.add(call.get("partialArgs"))
        if not call.get("willContinue"):
            yield from self._end_partial()

    def _end_partial(self) -> Iterator[AIMessageChunk]:
        if self._partial is not None:
            whole, self._partial = self._partial.whole(), None
            yield self._whole_call(whole)

    def _whole_call(self, part: Mapping[str, Any]) -> AIMessageChunk:
        call = part["functionCall"]
        name, args, given = text_of(call.get("name")), to_json(call.get("args") or {}).decode(), text_of(call.get("id"))
        block: Block = {"type": "tool_call_chunk", "name": name, "args": args, "id": given or self._new_id(name, args)}
        self._calls += 1
        extras = _extras(part, "functionCall")
        if own := {key: value for key, value in call.items() if key not in ("name", "args")}:
            extras["functionCall"] = own
        return self._block(block | ({"extras": extras} if extras else {}))

    def _new_id(self, name: str, args: str) -> str:
        """An id for a call that came without one: the same each time these bytes are read."""
        return f"{self._id or f'call_{crc32((name + args).encode()):08x}'}_{self._calls}"

    def _server_tool(
        self, name: str, args: dict[str, Any], ran: Mapping[str, Any], part: dict[str, Any]
    ) -> AIMessageChunk:
        block: Block = {"type": "server_tool_call", "name": name, "args": args, "id": text_of(ran.get("id")) or None}
        return self._block(block | {"extras": {"part": part}})

    def _server_result(self, came: Mapping[str, Any], output: Any, ok: bool, part: dict[str, Any]) -> AIMessageChunk:
        return self._block({
            "type": "server_tool_result",
            "tool_call_id": text_of(came.get("id")) or None,
            "output": output,
            "status": "success" if ok else "error",
            "extras": {"part": part},
        })  # fmt: skip

    def close(self) -> Iterator[AIMessageChunk]:
        self.done = self.done or bool(self.seen and self.frames.closed)
        return super().close()

    def last(self) -> AIMessageChunk:
        blocks = [block for chunk in self._end_partial() for block in chunk.blocks]
        said = {place: "".join(pieces) for place, pieces in self._texts.items()}
        for place, found in citations(self._metadata, said):
            blocks.append({"type": "text", "text": "", "annotations": [found], "index": place})
        own = {key: value for key, value in self._usage.items() if key not in COUNTED}
        if own:
            self._metadata["usage"] = own
        return AIMessageChunk(
            blocks=blocks,
            usage_metadata=read_usage(self._usage) if self._usage else None,
            response_metadata=self._metadata,
            id=self._id,
            chunk_position="last",
        )


_NOT_TEXT = frozenset({
    "inlineData", "fileData", "functionCall", "executableCode", "codeExecutionResult", "toolCall", "toolResponse",
})  # fmt: skip


def _kind_of_media(mime_type: str) -> str:
    kind = mime_type.partition("/")[0]
    return kind if kind in ("image", "audio", "video") else "file"


def _extras(part: Mapping[str, Any], *shown: str) -> dict[str, Any]:
    """What a part has beside what is shown of it; kept to be sent back."""
    return {"signature" if key == "thoughtSignature" else key: value for key, value in part.items() if key not in shown}
