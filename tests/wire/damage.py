"""What a broken server may make of a stream: events lost, repeated, reordered, with any JSON in any place."""

from __future__ import annotations

import copy
from contextlib import suppress
from random import Random
from typing import Any

from hypothesis import strategies as st

from nbchat.values.errors import ChatError
from nbchat.values.gathering import Gathering
from nbchat.values.messages import AIMessage, HumanMessage
from nbchat.wire.codec import Call

_STRANGERS = (None, True, 7, -1.5, "", "text", "error", [], {}, [{}], [[1]], {"type": "text"}, {"type": ["x"]}, [None])
_OURS = ("type", "index", "id", "name", "args", "text", "extras", "status", "base64", "url", "error")


def damaged(events: list[Any]) -> st.SearchStrategy[list[Any]]:
    """The events, some of their values replaced, some of them shuffled, repeated or lost."""
    return st.integers(0, 2**32).map(lambda seed: damaged_by(events, Random(seed)))


def damaged_by(events: list[Any], chance: Random) -> list[Any]:
    """The same, with the damage that these chances make."""
    events = copy.deepcopy(events)
    for _ in range(chance.randint(0, 4)):
        _replace(events, chance)
    if chance.random() < 0.3:
        chance.shuffle(events)
    return [event for event in events for _ in range(chance.choice([1] * 20 + [0, 2]))]


def _replace(value: Any, chance: Random) -> None:
    """Put a stranger in one place, anywhere within; at times under a name that our own blocks have."""
    while True:
        if isinstance(value, dict) and chance.random() < 0.05:
            value[chance.choice(_OURS)] = copy.deepcopy(chance.choice(_STRANGERS))
            return
        key = chance.choice(list(value) if isinstance(value, dict) else range(len(value)))
        if not isinstance(value[key], dict | list) or not value[key] or chance.random() < 0.2:
            value[key] = copy.deepcopy(chance.choice(_STRANGERS))
            return
        value = value[key]


def survives(codec: Any, data: bytes) -> AIMessage | None:
    """Decode bytes as a stream and as a whole answer; None where both are refused with a ChatError.

    Whatever comes out must show and store itself, and go back as history.
    """
    decoder, whole = codec.decoder("test"), Gathering()
    outcomes = []
    try:
        for chunk in (*decoder.feed(data[: len(data) // 2]), *decoder.feed(data[len(data) // 2 :]), *decoder.close()):
            whole.add(chunk)
        outcomes.append(whole.message())
    except ChatError:
        _use(codec, whole.message())
    with suppress(ChatError):
        outcomes.append(codec.answer(data, "test"))
    for message in outcomes:
        _use(codec, message)
    return outcomes[0] if outcomes else None


def _use(codec: Any, message: AIMessage) -> None:
    repr(message)
    message.to_dict()
    assert isinstance(message.text + message.reasoning, str)
    assert all(isinstance(call["args"], dict) for call in message.tool_calls)
    assert message.finish_reason is None or isinstance(message.finish_reason, str)
    codec.request(Call("m", [HumanMessage("Hi"), message, HumanMessage("Go on")]))
