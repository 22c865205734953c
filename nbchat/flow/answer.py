"""An answer from the cache or from the provider. No network, no clock."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any, Protocol

from nbchat.flow import effects as do
from nbchat.flow.attempt import Target, as_chunk, attempt
from nbchat.flow.effects import Flow
from nbchat.values.messages import AIMessage
from nbchat.wire.codec import Call, sent_json


class Cache(Protocol):
    """Answers kept by key. The async twins may run elsewhere; the blocking ones are called on the caller's thread."""

    def lookup(self, key: str) -> AIMessage | None: ...
    def update(self, key: str, message: AIMessage) -> None: ...
    def clear(self) -> None: ...
    async def alookup(self, key: str) -> AIMessage | None: ...
    async def aupdate(self, key: str, message: AIMessage) -> None: ...


def answer(target: Target, call: Call, cache: Cache | None = None, limiter: Any = None) -> Flow[AIMessage]:
    """One answer. Yields chunks where `call.stream` is true; returns the whole message."""
    request = target.codec.request(call)
    if cache is None:
        return (yield from attempt(target, request, call.stream, limiter, call.model))
    key = cache_key(target, call)
    known = yield do.recall(cache, key)
    if known is not None:
        known.timing = {"from_cache": 1.0}
        if call.stream:
            yield as_chunk(known)
        return known
    message = yield from attempt(target, request, call.stream, limiter, call.model)
    yield do.remember(cache, key, message)
    return message


def cache_key(target: Target, call: Call) -> str:
    """A name for the whole request, streamed or not; without the API key."""
    request = target.codec.request(replace(call, stream=False) if call.stream else call)
    endpoint = target.route.endpoint
    whole = [endpoint.provider, endpoint.base_url, request.method, request.path, request.headers, request.body]
    return hashlib.sha256(sent_json(whole)).hexdigest()
