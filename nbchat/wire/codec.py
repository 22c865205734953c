"""What a codec is: messages in, one provider's request out; that provider's bytes in, chunks out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic_core import PydanticSerializationError, to_json

from nbchat.values.chunks import AIMessageChunk
from nbchat.values.errors import ConfigurationError
from nbchat.values.messages import AIMessage, Message


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model sees it. `parameters` is a JSON schema of an object; `strict`: the provider enforces it."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class OutputSchema:
    """The form an answer must have.

    `method` is "json_schema" (the provider enforces `schema`) or "json_mode" (any JSON object).
    """

    name: str
    schema: Mapping[str, Any]
    method: str = "json_schema"
    strict: bool | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One question to a model, in neutral terms.

    Attributes:
        model: the provider's name of the model.
        messages: the conversation.
        tools: functions as `ToolSpec`, a provider's built-in tools as its own dicts.
        tool_choice: "auto", "any", "none", or the name of a tool; None leaves it to the provider.
        parallel_tool_calls: whether several tools may be asked for at once; None leaves it to the provider.
        output: the form the answer must have, or None.
        stream: whether the answer comes in pieces.
        options: everything else. Neutral names are translated: `temperature`, `top_p`, `top_k`, `max_tokens`, `stop`
            (list of strings), `seed`, `logprobs` (bool), `top_logprobs` (int), `presence_penalty`, `frequency_penalty`,
            `reasoning` ("low", "medium", "high", a number of tokens, or False), `prefill` (True: the last message is
            the beginning of the answer). Any other name goes into the body as it is.
    """

    model: str
    messages: Sequence[Message]
    tools: tuple[ToolSpec | Mapping[str, Any], ...] = ()
    tool_choice: str | Mapping[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    output: OutputSchema | None = None
    stream: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Request:
    """An HTTP request without its address and its key: the endpoint adds both when it is sent.

    `path` goes behind the base URL; `body` is JSON-ready; `headers` are the wire format's own. `content` is sent as it
    is, in place of `body`: a file, or a list of requests that are JSON already.
    """

    path: str
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "POST"
    content: bytes | None = None

    def sent(self) -> bytes:
        """The bytes that go over the wire. Raises ConfigurationError where the body is no JSON."""
        if self.content is not None:
            return self.content
        return sent_json(self.body) if self.method == "POST" else b""


def sent_json(value: Any) -> bytes:
    """What is sent, as JSON; numpy's numbers in it are numbers.

    Raises:
        ConfigurationError: something in it is no JSON; says what.
    """
    try:
        return to_json(value, fallback=_plain)
    except (PydanticSerializationError, ValueError) as error:
        reason = str(error).rpartition(": ")[2]
        raise ConfigurationError(f"a request is sent as JSON, and this one cannot be: {reason}") from None


def _plain(value: Any) -> Any:
    if hasattr(value, "dtype") and value.ndim == 0:
        return value.item()
    raise TypeError(f"there is a {type(value).__name__} in it")


class Decoder(Protocol):
    """Reads one streamed answer. Where `over` is true, nothing more can come."""

    def feed(self, data: bytes) -> Iterator[AIMessageChunk]:
        """Yield the chunks that these bytes finish. Raises a ChatError for an error event or a malformed stream."""

    def close(self) -> Iterator[AIMessageChunk]:
        """Yield what the end of the bytes leaves: the last chunk has the usage and `chunk_position="last"`.

        Raises:
            StreamError: the stream ended before the answer did.
        """


class Codec(Protocol):
    """One wire format. An instance is a frozen dataclass whose fields are the quirks of a vendor."""

    @property
    def name(self) -> str:
        """The format's name, as errors and tables show it: "OpenAIChat"."""

    def request(self, call: Call) -> Request:
        """The request for this call. Raises UnsupportedError for what the format cannot express."""

    def decoder(self, provider: str) -> Decoder:
        """A new reader for one streamed answer; `provider` is named in its errors and in `response_metadata`."""

    def answer(self, body: bytes, provider: str) -> AIMessage:
        """Read a whole answer. Raises a ChatError for an error in it, StreamError where it is not this format."""

    def retry_without(self, request: Request, problem: str) -> Request | None:
        """A request without the optional field that the provider's error complains about, or None."""
