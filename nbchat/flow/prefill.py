"""An answer that continues a given beginning (prefill), without the beginning. No network, no clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nbchat.flow.effects import Flow
from nbchat.flow.relay import relayed
from nbchat.values.chunks import AIMessageChunk
from nbchat.values.errors import ConfigurationError
from nbchat.values.messages import AIMessage
from nbchat.wire.codec import Call


def continued(flow: Flow[AIMessage], call: Call, codec: Any) -> Flow[AIMessage]:
    """The answer to a call with the option `prefill`, without the beginning, which some servers repeat.

    Raises:
        ConfigurationError: the conversation does not end with an AIMessage that has text.
    """
    given = call.messages[-1].text if call.messages and isinstance(call.messages[-1], AIMessage) else ""
    if not given:
        raise ConfigurationError("prefill=True continues the last message: let it be an AIMessage with text")
    echo = getattr(getattr(codec, "prefill", None), "echo", "")
    if echo == "always" or (echo == "whole" and not call.stream):
        return (yield from _without(given, flow))
    return (yield from flow)


def _without(given: str, flow: Flow[AIMessage]) -> Flow[AIMessage]:
    message = yield from relayed(flow, _Echo(given).shown)
    for place, block in enumerate(message.blocks):
        if block["type"] == "text":
            message.blocks[place] = {**block, "text": block["text"].removeprefix(given)}
            break
    return message


class _Echo:
    """Holds back the chunks of a stream for as long as they may be nothing but the echo."""

    def __init__(self, given: str) -> None:
        self._given = given
        self._text = ""
        self._held: list[AIMessageChunk] = []
        self._over = False

    def shown(self, step: Any) -> Iterator[AIMessageChunk]:
        if not isinstance(step, AIMessageChunk):
            return
        if self._over:
            yield step
            return
        self._held.append(step)
        self._text += step.text
        echoed = self._text.startswith(self._given)
        if echoed or not self._given.startswith(self._text) or step.chunk_position == "last":
            self._over = True
            yield from self._cut(len(self._given) if echoed else 0)

    def _cut(self, left: int) -> Iterator[AIMessageChunk]:
        for chunk in self._held:
            for block in chunk.blocks:
                if left and block["type"] == "text":
                    took = min(left, len(block["text"]))
                    block["text"] = block["text"][took:]
                    left -= took
            yield chunk
