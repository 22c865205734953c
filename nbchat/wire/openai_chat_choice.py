"""One choice of a chat completion, delta by delta, with what the vendors do differently. No network, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from pydantic_core import to_json

from nbchat.values.blocks import Block, standard_block
from nbchat.values.chunks import AIMessageChunk
from nbchat.wire.decoding import piece
from nbchat.wire.openai_chat_audio import AudioReader
from nbchat.wire.openai_chat_calls import CallReader, executed_tool
from nbchat.wire.openai_chat_citations import cited
from nbchat.wire.openai_chat_logprobs import read_logprobs
from nbchat.wire.think_tags import ThinkTags
from nbchat.wire.untrusted import list_of, object_of, objects_in, text_of

REASONING = ("reasoning_content", "reasoning", "reasoning_text")  # the vendors' names for it
DETAILS = "reasoning_details"  # OpenRouter's, with the signatures that must go back
_CHOICE = frozenset({"index", "delta", "message", "finish_reason", "logprobs", "error"})
_USUAL = frozenset({"role", "content"})
_DELTA = frozenset(
    {
        *_USUAL,
        *REASONING,
        DETAILS,
        "tool_calls",
        "function_call",
        "refusal",
        "audio",
        "images",
        "annotations",
        "executed_tools",
    }
)


class ChoiceReader:
    """Feed the choices of one index; get chunks. `rest()` gives what can be told only at the end."""

    def __init__(self) -> None:
        self.finished = False
        self._metadata: dict[str, Any] = {}
        self._own: dict[str, Any] = {}
        self._text = ThinkTags()
        self._calls = CallReader()
        self._audio = AudioReader()
        self._details: list[Any] = []
        self._thought = False
        self._cited = False
        self._streams = False
        self._images = 0

    @property
    def writing(self) -> bool:
        """Whether the answer's text has begun, so that no more tags of reasoning are looked for."""
        return self._text.plain

    def read(self, choice: Mapping[str, Any], whole: bool) -> Iterable[AIMessageChunk]:
        """The chunks of one choice; `whole` says that it is no piece of a stream."""
        delta = self._delta(choice, whole)
        content = delta.get("content")
        if type(content) is str and delta.keys() <= _USUAL:
            chunks: Iterable[AIMessageChunk] = self._text.feed(content) if content else ()
        else:
            chunks = self._unusual(delta, content)
        if logprobs := choice.get("logprobs"):
            chunks = chain(chunks, self._logprobs(logprobs, text_of(content)))
        if reason := choice.get("finish_reason"):
            self.finished = True
            self._metadata["finish_reason"] = reason
        if not choice.keys() <= _CHOICE:
            self._metadata.update({k: v for k, v in choice.items() if k not in _CHOICE and v is not None})
        return chunks

    def rest(self, sources: list[Block]) -> AIMessageChunk:
        """What was held back, and what belongs to the answer as a whole; `sources` are cited if nothing else was."""
        ends = (*self._text.close(), *self._audio.close(), *self._calls.close())
        blocks = [block for chunk in ends for block in chunk.blocks]
        if sources and not self._cited:
            blocks += _annotated(sources).blocks
        if self._details:
            details = self._details if not self._streams else _grown(self._details)
            blocks.append({"type": "reasoning", "index": 0, "extras": {DETAILS: details}})
        return AIMessageChunk(blocks=blocks, response_metadata=self._metadata, additional_kwargs=self._own)

    def _delta(self, choice: Mapping[str, Any], whole: bool) -> Mapping[str, Any]:
        """`delta`; or `message`, which Perplexity sends beside it: in a stream it repeats the answer so far."""
        delta = choice.get("delta")
        if type(delta) is dict and delta and not whole:  # the usual case, kept short
            self._streams = True
            return delta
        message = object_of(choice.get("message"))
        return message if message and (whole or not self._streams) else object_of(delta)

    def _logprobs(self, logprobs: Any, text: str) -> Iterator[AIMessageChunk]:
        if read := read_logprobs(logprobs, text):
            yield AIMessageChunk(blocks=[], response_metadata={"logprobs": read})

    def _unusual(self, delta: Mapping[str, Any], content: Any) -> Iterator[AIMessageChunk]:
        yield from self._reasoning(delta)
        if isinstance(content, str):
            if content:
                yield from self._text.feed(content)
        elif content is not None:
            yield from self._parts(content)
        calls = delta.get("tool_calls")
        for place, call in enumerate(objects_in([calls] if isinstance(calls, dict) else calls)):
            yield self._calls.read(call, place)
        for tool in objects_in(delta.get("executed_tools")):
            yield executed_tool(tool)
        if (function := object_of(delta.get("function_call"))) and any(function.values()):
            yield self._calls.read({"function": function}, 0)  # before there were tools
        if refusal := text_of(delta.get("refusal")):
            yield piece("refusal", "text", refusal, 0)
        if audio := object_of(delta.get("audio")):
            yield from self._audio.read(audio)
        for image in objects_in(delta.get("images")):
            yield self._image(image)
        if cites := cited(delta.get("annotations")):
            self._cited = True
            yield _annotated(cites)
        for key in delta.keys() - _DELTA:
            self._keep(key, delta[key])

    def _reasoning(self, delta: Mapping[str, Any]) -> Iterator[AIMessageChunk]:
        details = list_of(delta.get(DETAILS))
        self._details += details
        text = next((thought for key in REASONING if (thought := text_of(delta.get(key)))), "")
        text = text or "".join(text_of(d.get("text")) or text_of(d.get("summary")) for d in objects_in(details))
        if text or (details and not self._thought):  # an encrypted thought holds its place among the blocks
            self._thought = True
            yield piece("reasoning", "reasoning", text, 0)

    def _parts(self, content: Any) -> Iterator[AIMessageChunk]:
        """Content as a list of parts (Mistral, Databricks), or as the very JSON that was asked for (Cloudflare)."""
        parts = content if isinstance(content, list) else [content]
        if not all(isinstance(part, str) or (isinstance(part, dict) and "type" in part) for part in parts):
            yield from self._text.feed(to_json(content).decode())
            return
        for part in parts:
            match part:
                case str(text) | {"type": "text", "text": str(text)}:
                    yield from self._text.feed(text)
                case {"type": "thinking" | "reasoning"}:
                    yield _thinking(part)
                case {"type": "image_url", "image_url": str() | {"url": str()}}:
                    yield self._image(part)
                case _:
                    yield AIMessageChunk(blocks=[{"type": "non_standard", "value": part}])

    def _image(self, image: Mapping[str, Any]) -> AIMessageChunk:
        self._images += 1
        match image:
            case {"image_url": str() | {"url": str()}}:
                block = standard_block({**image, "type": "image_url"})
            case _:
                block = {"type": "non_standard", "value": dict(image)}
        return AIMessageChunk(blocks=[{**block, "index": self._images - 1}])

    def _keep(self, key: str, value: Any) -> None:
        """Keep a field that is not known: pieces of text and of lists grow, as all do in a delta; labels repeat."""
        before = self._own.get(key)
        if value is None or value == before:
            return
        grows = type(before) is type(value) and isinstance(value, str | list)
        self._own[key] = before + value if grows else value


_THOUGHT = ("thinking", "summary", "text", "reasoning", "content")


def _thinking(part: Mapping[str, Any]) -> AIMessageChunk:
    """A part of reasoning: text, or a list of texts with more about them."""
    key = next((key for key in _THOUGHT if part.get(key)), "")
    inner = part.get(key)
    text = text_of(inner) or "".join(text_of(item.get("text")) for item in objects_in(inner))
    own = {k: v for k, v in part.items() if k not in ("type", key) and v}
    for item in objects_in(inner):
        own.update({k: v for k, v in item.items() if k not in ("type", "text") and v})
    block: Block = {"type": "reasoning", "reasoning": text, "index": 0}
    return AIMessageChunk(blocks=[block | ({"extras": own} if own else {})])


def _annotated(cites: list[Block]) -> AIMessageChunk:
    return AIMessageChunk(blocks=[{"type": "text", "text": "", "annotations": cites, "index": 0}])


def _grown(details: list[Any]) -> list[Any]:
    """Streamed pieces of `reasoning_details` as whole ones: text grows while type and index stay the same."""
    groups: list[list[Any]] = []
    for item in details:
        if groups and _goes_on(groups[-1][-1], item):
            groups[-1].append(item)
        else:
            groups.append([item])
    return [_joined(group) if len(group) > 1 else group[0] for group in groups]


def _goes_on(before: Any, item: Any) -> bool:
    if not (isinstance(before, dict) and isinstance(item, dict)) or item.get("type") == "reasoning.encrypted":
        return False
    return before.get("type") == item.get("type") and before.get("index") == item.get("index")


def _joined(pieces: list[dict[str, Any]]) -> dict[str, Any]:
    whole = {key: value for piece in pieces for key, value in piece.items() if value is not None}
    for key in ("text", "summary"):
        if any(key in piece for piece in pieces):
            whole[key] = "".join([text_of(piece.get(key)) for piece in pieces])
    return whole
