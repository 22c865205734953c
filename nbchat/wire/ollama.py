"""Ollama's own `/api/chat`: the request, the stream of lines, the whole answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from zlib import crc32

from pydantic_core import to_json

from nbchat.values.blocks import Block, object_args
from nbchat.values.chunks import AIMessageChunk
from nbchat.values.errors import StreamError, UnsupportedError
from nbchat.values.merging import merged
from nbchat.values.messages import AIMessage, Message, ToolMessage
from nbchat.values.usage import Usage
from nbchat.wire.codec import Call, Request, ToolSpec
from nbchat.wire.decoding import StreamDecoder, piece, read_json
from nbchat.wire.ndjson import NDJSON
from nbchat.wire.think_tags import ThinkTags
from nbchat.wire.untrusted import count_of, list_of, object_of, objects_in, text_of

WIRE = "ollama"
_RUNNER = frozenset(  # what belongs into `options`
    {
        *("temperature", "top_p", "top_k", "min_p", "typical_p", "tfs_z", "seed", "stop", "num_predict", "num_keep"),
        *("presence_penalty", "frequency_penalty", "repeat_penalty", "repeat_last_n", "penalize_newline"),
        *("mirostat", "mirostat_eta", "mirostat_tau", "num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread"),
        *("numa", "low_vram", "use_mmap", "use_mlock", "draft_num_predict"),
    }
)


@dataclass(frozen=True)
class OllamaChat:
    """The codec of `POST /api/chat`."""

    name: str = "OllamaChat"
    features: ClassVar[frozenset[str]] = frozenset(
        {
            *("stream", "system", "stop", "seed", "tools", "parallel_tools", "json_schema", "json_mode", "image_in"),
            *("reasoning", "logprobs", "prefill"),
        }
    )

    def request(self, call: Call) -> Request:
        """`POST /api/chat`. Names of Ollama's runner (`num_ctx`, `repeat_penalty`, …) go into its `options`.

        Raises:
            UnsupportedError: for a forced or strict tool, a budget of reasoning tokens, an image by url, other media.
        """
        body: dict[str, Any] = {"model": call.model, "messages": list(_messages(call.messages)), "stream": call.stream}
        if call.tools and call.tool_choice != "none":
            body["tools"] = [_tool(tool) for tool in call.tools]
        if call.tool_choice not in (None, "auto", "none"):
            raise UnsupportedError(f"{self.name} has no forced tools: leave tool_choice out, or ask for a JSON schema")
        if call.tools and call.parallel_tool_calls is False:
            raise UnsupportedError(f"{self.name} has no switch for parallel tool calls: leave parallel_tool_calls out")
        if call.output is not None:
            body["format"] = "json" if call.output.method == "json_mode" else call.output.schema
        return Request("/api/chat", merged(body, _options(call.options)))

    def decoder(self, provider: str) -> OllamaDecoder:
        return OllamaDecoder(provider)

    def answer(self, body: bytes, provider: str) -> AIMessage:
        data = read_json(body, provider)
        if not isinstance(data, dict) or not ("error" in data or isinstance(data.get("message"), dict)):
            raise StreamError(f"{provider}'s answer has no message: {str(data)[:200]}; is the base URL right?")
        reader = OllamaDecoder(provider)
        return reader.message(reader.on_event(b"", data))

    def retry_without(self, request: Request, problem: str) -> Request | None:
        """Some models only think or not, others cannot be told at all not to."""
        body = dict(request.body)
        if isinstance(body.get("think"), str) and "not supported for this model" in problem:
            body["think"] = True
            return replace(request, body=body)
        if body.get("think") is False and "does not support thinking" in problem:
            del body["think"]
            return replace(request, body=body)
        return None


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for key, value in options.items():
        if value is None or key == "prefill":  # an answer that stands last is continued anyway
            continue
        if key == "reasoning":
            if isinstance(value, int) and not isinstance(value, bool):
                raise UnsupportedError(
                    "OllamaChat has no reasoning budget in tokens: give 'low', 'medium', 'high' or True"
                )
            body["think"] = value
        elif key == "max_tokens":
            body.setdefault("options", {})["num_predict"] = value
        elif key in _RUNNER:
            body.setdefault("options", {})[key] = value
        elif key == "options":
            body["options"] = {**value, **body.get("options", {})}
        else:
            body[key] = value
    if body.get("top_logprobs") and "logprobs" not in body:
        body["logprobs"] = True
    return body


def _tool(tool: ToolSpec | Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(tool, ToolSpec):
        return tool
    if tool.strict:
        raise UnsupportedError(f"OllamaChat has no strict tools: leave strict out for {tool.name}")
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _messages(messages: Sequence[Message]) -> Iterator[dict[str, Any]]:
    names: dict[str | None, str] = {}  # Ollama pairs a result with its call by the tool's name
    for message in messages:
        out: dict[str, Any] = {"role": message.role}
        if isinstance(message, AIMessage):
            out.update(_assistant(message))
            names.update({call["id"]: call["name"] for call in (*message.tool_calls, *message.invalid_tool_calls)})
        else:
            out["content"] = "\n".join(block["text"] for block in message.content_blocks if block["type"] == "text")
            if images := [_image(block) for block in message.content_blocks if block["type"] != "text"]:
                out["images"] = images
        if isinstance(message, ToolMessage):
            if name := message.name or names.get(message.tool_call_id):
                out["tool_name"] = name
            if message.tool_call_id:
                out["tool_call_id"] = message.tool_call_id
        yield out


def _assistant(message: AIMessage) -> dict[str, Any]:
    native = message.response_metadata.get("wire") == WIRE
    out: dict[str, Any] = {**(message.additional_kwargs if native else {}), "content": message.text}
    if native and message.reasoning:
        out["thinking"] = message.reasoning
    calls = [b for b in message.content_blocks if b["type"] in ("tool_call", "invalid_tool_call")]
    if calls:
        out["tool_calls"] = [_call_back(call, native) for call in calls]
    return out


def _call_back(call: Block, native: bool) -> dict[str, Any]:
    function = {"name": call["name"], "arguments": object_args(call)}
    out = {"function": function, **((call.get("extras") or {}) if native else {})}
    return {"id": call["id"], **out} if call.get("id") else out


def _image(block: Block) -> str:
    match block:
        case {"type": "image", "base64": str(data)}:
            return data
        case {"type": "image"}:
            raise UnsupportedError("OllamaChat takes an image as bytes, not by url: read it and give it as base64")
    raise UnsupportedError(f"OllamaChat takes text and images, not {block['type']}: give its text instead")


class OllamaDecoder(StreamDecoder):
    """Reads one JSON object a line; the one with `done: true` is the last, and has the counts."""

    def __init__(self, provider: str) -> None:
        super().__init__(provider)
        self.frames = NDJSON()
        self._usage: Usage | None = None
        self._metadata: dict[str, Any] = {"model_provider": provider, "wire": WIRE}
        self._text = ThinkTags()
        self._calls = 0

    def on_event(self, name: bytes, event: Any) -> Iterator[AIMessageChunk]:
        if not isinstance(event, dict):
            raise StreamError(f"{self.provider} sent a line that is no object: {str(event)[:120]!r}")
        if event.get("error"):
            yield from self.broken_off(event)
        message = event.get("message")
        if isinstance(message, dict):
            yield from self._message(message, event)
        if logprobs := event.get("logprobs"):
            yield AIMessageChunk(blocks=[], response_metadata={"logprobs": {"content": list(objects_in(logprobs))}})
        if event.get("done") or len(event) != 4:  # the usual line has model, created_at, message and done: false
            self._note(event)

    def _message(self, message: dict[str, Any], event: dict[str, Any]) -> Iterator[AIMessageChunk]:
        thought, content = message.get("thinking"), message.get("content")
        if thought and isinstance(thought, str):
            yield piece("reasoning", "reasoning", thought, 0)
        if content and isinstance(content, str):
            yield from self._text.feed(content)
        if len(message) > 2:
            yield from self._more(message, str(event.get("created_at")))

    def _more(self, message: dict[str, Any], when: str) -> Iterator[AIMessageChunk]:
        for call in objects_in(message.get("tool_calls")):
            yield self._call(call, when)
        for place, image in enumerate(list_of(message.get("images"))):
            if isinstance(image, str):
                block: Block = {"type": "image", "base64": image, "mime_type": "image/png", "index": place}
                yield AIMessageChunk(blocks=[block])
        if own := {key: message[key] for key in message.keys() - _MESSAGE if message[key] is not None}:
            yield AIMessageChunk(blocks=[], additional_kwargs=own)

    def _call(self, call: dict[str, Any], when: str) -> AIMessageChunk:
        function = object_of(call.get("function"))
        name, args = text_of(function.get("name")), function.get("arguments")
        text = args if isinstance(args, str) else to_json(args).decode()
        id = text_of(call.get("id")) or _made_id(when, name, text, self._calls)  # older servers give none
        block: Block = {"type": "tool_call_chunk", "name": name, "args": text, "id": id, "index": self._calls}
        if own := {key: call[key] for key in call.keys() - {"id", "function"} if call[key] is not None}:
            block["extras"] = own
        self._calls += 1
        return AIMessageChunk(blocks=[block])

    def _note(self, event: dict[str, Any]) -> None:
        """Keep what is said beside the message."""
        if isinstance(model := event.get("model"), str):
            self._metadata["model_name"] = model
        self._metadata.update({key: event[key] for key in event.keys() - _EVENT if event[key] is not None})
        if event.get("done"):
            self.done = self.over = True
            self._metadata["finish_reason"] = event.get("done_reason") or "stop"
            read, written = count_of(event.get("prompt_eval_count")), count_of(event.get("eval_count"))
            if read is not None or written is not None:  # a prompt that was all in the cache has no count
                self._usage = Usage.of(read, written)

    def last(self) -> AIMessageChunk:
        return AIMessageChunk(
            blocks=[block for chunk in self._text.close() for block in chunk.blocks],
            usage_metadata=self._usage,
            response_metadata=self._metadata,
            chunk_position="last",
        )


_EVENT = frozenset({"model", "message", "done", "done_reason", "logprobs", "prompt_eval_count", "eval_count"})
_MESSAGE = frozenset({"role", "content", "thinking", "tool_calls", "images"})


def _made_id(*parts: Any) -> str:
    """An id of a call: the same for the same answer, and another in another turn."""
    return f"call_{crc32(repr(parts).encode()):08x}"
