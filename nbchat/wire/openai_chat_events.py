"""OpenAI's stream of chat completion chunks, and a whole chat completion as one such event. No network, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nbchat.values.chunks import AIMessageChunk
from nbchat.values.errors import StreamError
from nbchat.values.gathering import Gathering
from nbchat.wire.decoding import StreamDecoder
from nbchat.wire.openai_chat_alike import Alike
from nbchat.wire.openai_chat_choice import ChoiceReader
from nbchat.wire.openai_chat_citations import citations_beside
from nbchat.wire.openai_chat_usage import read_usage, rest_of_usage
from nbchat.wire.sse import SSE
from nbchat.wire.untrusted import object_of, objects_in

WIRE = "openai_chat"
_KNOWN = frozenset({"id", "object", "created", "model", "usage"})
_PADDING = ("obfuscation", "p")  # against reading the traffic by its lengths
_OURS = frozenset({"model_provider", "wire", "model_name", "finish_reason", "logprobs", "choices"})


class OpenAIChatDecoder(StreamDecoder):
    """Reads `chat.completion.chunk` events; a `message` beside or instead of a `delta` is read as well.

    Of several choices (`n`) the first seen is the answer; the others are in `response_metadata["choices"]`, as dicts.
    """

    def __init__(self, provider: str, *, whole: bool = False) -> None:
        super().__init__(provider)
        self._whole = whole  # one event is the whole answer
        self.frames = SSE()
        self._usage: Mapping[str, Any] = {}
        self._metadata: dict[str, Any] = {"model_provider": provider, "wire": WIRE}
        self._id: str | None = None
        self._main = ChoiceReader()
        self._main_index: Any = None
        self._others: dict[Any, tuple[ChoiceReader, Gathering]] = {}
        self._answered = False
        self._beside: dict[str, Any] = {}
        self._alike = Alike()

    def feed(self, data: bytes) -> Iterator[AIMessageChunk]:
        for name, payload in self.frames.feed(data):
            if (text := self._alike.text(payload)) is not None:  # the usual case, kept short
                yield AIMessageChunk(blocks=[{"type": "text", "text": text, "index": 0}])
                continue
            yield from self._read(name, payload)
            if self._main.writing and not self.done:
                self._alike.learn(payload, self._main_index)

    def _read(self, name: bytes, payload: bytes) -> Iterable[AIMessageChunk]:
        return () if self.over else super()._read(name, payload)

    def on_done(self) -> Iterable[AIMessageChunk]:
        self.done = self.over = True
        return ()

    def on_event(self, name: bytes, event: Any) -> Iterator[AIMessageChunk]:
        if type(event) is not dict:
            raise StreamError(f"{self.provider} sent an event that is no chat completion: {str(event)[:120]!r}")
        choices = event.pop("choices", None)
        for key in _PADDING:
            event.pop(key, None)
        if event != self._beside:  # it is the same in most events
            self._note(event)
            if event.get("error") or (choices is None and is_error(event)):
                yield from self.broken_off(event)
            if stopped := object_of(event.get("x_groq")).get("error"):
                yield from self.broken_off(stopped)
        for choice in objects_in(choices):
            yield from self._choice(choice)
            if error := choice.get("error"):
                yield from self.broken_off({"error": error})

    def close(self) -> Iterator[AIMessageChunk]:
        try:
            yield from super().close()
        except StreamError:
            yield self._rest()
            raise

    def last(self) -> AIMessageChunk:
        if not self._answered:
            came = {key: value for key, value in self._metadata.items() if key not in ("model_provider", "wire")}
            raise StreamError(f"{self.provider}'s answer has no choices: {str(came)[:200]}; is the base URL right?")
        return self._rest("last")

    def broken_off(self, error: Any) -> Iterator[AIMessageChunk]:
        yield self._rest()
        yield from super().broken_off(error)

    def _note(self, event: dict[str, Any]) -> None:
        """Keep what the event says beside its choices."""
        self._beside = event
        if (usage := event.get("usage") or object_of(event.get("x_groq")).get("usage")) and isinstance(usage, dict):
            self._usage = usage
        if not self._id and isinstance(id := event.get("id"), str):
            self._id = id
        if isinstance(model := event.get("model"), str) and model:
            self._metadata["model_name"] = model
        if created := event.get("created"):
            self._metadata.setdefault("created", created)
        for key in event.keys() - _KNOWN - _OURS:
            if (value := event[key]) is not None and value != "":
                before = self._metadata.get(key)
                both = isinstance(before, dict) and isinstance(value, dict)
                self._metadata[key] = {**before, **value} if both else value  # type: ignore[dict-item]

    def _choice(self, choice: Mapping[str, Any]) -> Iterable[AIMessageChunk]:
        index = choice.get("index") or 0
        if not self._answered:
            self._answered, self._main_index = True, index
        chunks: Iterable[AIMessageChunk] = ()
        if index == self._main_index:
            chunks = self._main.read(choice, self._whole)
        else:
            reader, gathered = self._other(index)
            for chunk in reader.read(choice, self._whole):
                gathered.add(chunk)
        if choice.get("finish_reason"):
            self.done = self.done or all(r.finished for r in (self._main, *(r for r, _ in self._others.values())))
        return chunks

    def _other(self, index: Any) -> tuple[ChoiceReader, Gathering]:
        key = index if isinstance(index, int) else str(index)
        return self._others.setdefault(key, (ChoiceReader(), Gathering()))

    def _rest(self, position: str | None = None) -> AIMessageChunk:
        """What was held back, with the metadata; usage only here, since the pieces of a stream repeat its totals."""
        chunk = self._main.rest(citations_beside(self._metadata) if position else [])
        chunk.response_metadata = {**self._metadata, **chunk.response_metadata}
        usage = self._usage or object_of(chunk.response_metadata.pop("usage", None))  # Moonshot's is in the choice
        if more := rest_of_usage(usage):
            chunk.response_metadata["usage"] = more
        if self._others:
            chunk.response_metadata["choices"] = [_whole(index, *other) for index, other in self._others.items()]
        if usage:
            chunk.usage_metadata = read_usage(usage)
        chunk.id = self._id
        chunk.chunk_position = position
        return chunk


def _whole(index: Any, reader: ChoiceReader, gathered: Gathering) -> dict[str, Any]:
    gathered.add(reader.rest([]))
    return {"index": index, **gathered.message().to_dict()}


def is_error(event: Mapping[str, Any]) -> bool:
    """Whether this is an error in place of (a piece of) an answer."""
    if event.get("error"):
        return True
    if "choices" in event or "id" in event:
        return False
    named = "error" in (event.get("object"), event.get("type"))
    return named or any(event.get(key) for key in ("errors", "detail", "message", "msg"))
