"""One answer: ask, retry a busy server, decode what comes. No network, no clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json, to_json

from nbchat.flow import effects as do
from nbchat.flow.effects import Flow, Route
from nbchat.flow.retry import retry_after, retry_wait
from nbchat.providers.endpoint import Endpoint
from nbchat.values.chunks import AIMessageChunk
from nbchat.values.errors import APITimeoutError, BadRequestError, ChatError
from nbchat.values.gathering import Gathering
from nbchat.values.messages import AIMessage
from nbchat.wire.codec import Codec, Request
from nbchat.wire.errors import read_error


@dataclass(frozen=True, slots=True)
class Target:
    """Who is asked: a wire format, a route, how often to try again, and what the vendor cannot do.

    `refusals` has, by model, what the server said against requests that it took in a simpler form: it is not asked for
    the same again.
    """

    codec: Codec
    route: Route
    max_retries: int = 2
    lacks: frozenset[str] = frozenset()  # of the format's features (see `nbchat.wire.features`)
    refusals: dict[str | None, list[str]] = field(default_factory=dict, compare=False, repr=False)

    def simplified(self, request: Request, model: str | None) -> Request:
        """The request without what the server is known to refuse."""
        for problem in self.refusals.get(model, ()):
            request = self.codec.retry_without(request, problem) or request
        return request


def attempt(
    target: Target, request: Request, stream: bool, limiter: Any = None, model: str | None = None
) -> Flow[AIMessage]:
    """One answer, with its retries. Yields chunks where `stream` is true; returns the whole message.

    A failed attempt is repeated only while the reader has seen nothing of it. `model` names the model in
    `response_metadata` where the provider's answer does not (Bedrock).
    """
    tries = 0
    full, request = request, target.simplified(request, model)
    asked, refusals = [request.body], []
    while True:
        whole = Gathering()
        try:
            exchange = _exchange(target, request, stream, whole, limiter, model)
            message = yield from (exchange if limiter is None else _limited(exchange, limiter, request))
        except ChatError as error:
            if whole.chunk is not None:
                error.partial = whole.message()
                raise
            refused = isinstance(error, BadRequestError)
            simpler = target.codec.retry_without(request, str(error)) if refused else None
            if simpler is not None and simpler.body not in asked:
                request = simpler
                asked.append(request.body)
                refusals.append(str(error))
                continue
            wait = retry_wait(tries, target.max_retries, error)
            if wait is None or (isinstance(error, APITimeoutError) and error.total):  # no time is left
                raise
            tries += 1
        else:
            if refusals and target.simplified(full, model).body != request.body:  # not learned meanwhile
                target.refusals.setdefault(model, []).extend(refusals)
            message.timing["attempts"] = tries + 1
            return message
        yield do.sleep(wait)


def _exchange(
    target: Target, request: Request, stream: bool, whole: Gathering, limiter: Any, model: str | None
) -> Flow[AIMessage]:
    endpoint = target.route.endpoint
    started = yield do.CLOCK
    status, headers = yield do.open_(target.route, request, stream)
    if limiter is not None:
        limiter.observe(headers)
    if not 200 <= status < 300:
        raise (yield from refusal(endpoint, status, headers))
    if stream and not _whole_at_once(target.codec, headers):
        message = yield from _streamed(target, whole, started, model)
    else:
        body = yield do.READ_ALL
        message = target.codec.answer(body, endpoint.provider)
        message.response_metadata.setdefault("model_name", model)
        ended = yield do.CLOCK
        message.timing = {"first_token_s": ended - started, "total_s": ended - started}
        if stream:
            yield as_chunk(message)
    return message


def _limited(exchange: Flow[AIMessage], limiter: Any, request: Request) -> Flow[AIMessage]:
    """The exchange, once the limiter allows it; what was reserved and not used is given back."""
    reserved = limiter.estimate(request.body)
    yield do.reserve(limiter, reserved)
    used = 0
    try:
        message = yield from exchange
        used = message.usage_metadata.total_tokens if message.usage_metadata else reserved
        return message
    finally:
        limiter.settle(reserved, used)


def refusal(endpoint: Endpoint, status: int, headers: Any) -> Flow[ChatError]:
    """The error that the open answer means, without the key, which some providers quote.

    The caller raises it: a verbose traceback shows local variables, and here the body is one.
    """
    body = yield do.READ_ALL
    wait = retry_after(headers, (yield do.NOW))
    error: ChatError = read_error(endpoint.provider, status, headers, body, retry_after=wait)
    error.args = (endpoint.hide_key(str(error)),)
    if (body := getattr(error, "body", None)) is not None:
        error.body = from_json(endpoint.hide_key(to_json(body).decode()))  # type: ignore[attr-defined]
    return error


def _whole_at_once(codec: Codec, headers: Any) -> bool:
    """Whether the server ignores that a stream was asked for, and sends a whole answer."""
    content_type = headers.get("content-type") or ""
    return content_type.partition(";")[0].strip() == "application/json" and not getattr(codec, "streams_json", False)


def _streamed(target: Target, whole: Gathering, started: float, model: str | None) -> Flow[AIMessage]:
    decoder = target.codec.decoder(target.route.endpoint.provider)
    held: list[AIMessageChunk] = []
    while data := (yield do.READ):
        for chunk in decoder.feed(data):
            if whole.chunk is not None:  # the usual case, kept short
                whole.add(chunk)
                yield chunk
                continue
            if chunk.blocks:
                chunk.timing = {"first_token_s": (yield do.CLOCK) - started}
            yield from _first(chunk, whole, held)
        if getattr(decoder, "over", False):
            yield do.DRAIN  # some servers never end the body
            break
    for chunk in decoder.close():
        if chunk.chunk_position == "last":
            if "model_name" not in chunk.response_metadata:
                chunk.response_metadata = {**chunk.response_metadata, "model_name": model}
            chunk.timing = {**chunk.timing, "total_s": (yield do.CLOCK) - started}
        yield from _first(chunk, whole, held)
    return whole.message()


def _first(chunk: AIMessageChunk, whole: Gathering, held: list[AIMessageChunk]) -> Iterator[AIMessageChunk]:
    """Hold metadata that comes before any content: until then, a failed attempt can be repeated unseen."""
    held.append(chunk)
    if whole.chunk is None and not chunk.blocks and chunk.chunk_position != "last":
        return
    for each in held:
        whole.add(each)
        yield each
    held.clear()


def as_chunk(message: AIMessage) -> AIMessageChunk:
    """A whole message as the only chunk of a stream."""
    chunk = AIMessageChunk(
        blocks=[{**block, "index": place} for place, block in enumerate(message.blocks)],
        usage_metadata=message.usage_metadata,
        response_metadata=message.response_metadata,
        additional_kwargs=message.additional_kwargs,
        id=message.id,
        name=message.name,
        chunk_position="last",
    )
    chunk.timing = message.timing
    return chunk
