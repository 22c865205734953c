"""The tool loop: answer, run the tools asked for, answer again. No network, no clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol

from nbchat.flow import effects as do
from nbchat.flow.effects import Effect, Flow
from nbchat.flow.relay import relayed
from nbchat.values.blocks import Block, ToolCall
from nbchat.values.chunks import AIMessageChunk
from nbchat.values.errors import ChatError, RoundLimitError
from nbchat.values.gathering import Gathering
from nbchat.values.messages import AIMessage, Message, ToolMessage

Verdict = bool | str | dict[str, Any] | None
Approve = Callable[[str, dict[str, Any]], Verdict | Awaitable[Verdict]]
Ask = Callable[[Sequence[Message]], Flow[AIMessage]]

INTERRUPTED = "interrupted: the conversation stopped before this tool had a result"
LONGEST_ERROR = 2000  # characters of a tool's exception that the model is told
DECLINED = "the user declined this tool call"


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A tool is about to run with these arguments; its `ToolMessage` follows."""

    call: ToolCall


class Runnable(Protocol):
    """A tool to run: a flow from a tool call to a ToolMessage, which `ainvoke` drives."""

    @property
    def is_async(self) -> bool: ...
    def flow(self, input: Any, config: Any = None) -> Flow[Any]: ...
    async def ainvoke(self, input: Any, config: Any = None) -> Any: ...


def converse(
    ask: Ask,
    messages: list[Message],
    tools: Mapping[str, Runnable],
    *,
    approve: Approve | None = None,
    max_rounds: int = 10,
    config: Any = None,
) -> Flow[AIMessage]:
    """Ask, run the tools that the answer asks for, and ask again, until it asks for none.

    Yields chunks, `ToolStarted` and `ToolMessage`; returns the last answer. `messages` grows as answers and results
    come, and every tool call in it has its result, even where the flow is closed or fails midway: a cut answer is
    kept with `finish_reason` "interrupted".

    Args:
        ask: a conversation to the flow of one answer.
        approve: called with (name, args); gives True, other arguments (a dict), False, or a reason to decline (a str).
        max_rounds: how many times tools may be run, ours or the provider's, before the model has to answer.

    Raises:
        RoundLimitError: the model asks for tools once more than that; `partial` is what it said.
    """
    for round_ in count():
        message = yield from _heard(ask, messages)
        calls = _requests(message)
        if not calls:
            if message.finish_reason == "pause_turn" and round_ < max_rounds:
                continue  # Anthropic's own tools need another request to go on
            return message
        if round_ >= max_rounds:
            messages.extend(_refused(call, f"not run: the limit of {max_rounds} rounds is reached") for call in calls)
            names = ", ".join(sorted({call["name"] for call in calls}))
            raise RoundLimitError(
                f"the model still asks for tools ({names}) after {max_rounds} rounds; "
                "raise max_rounds=, or ask for less at once",
                partial=message,
            )
        yield from _run_all(calls, messages, tools, approve, config)
    raise AssertionError("count() has no end")


def _heard(ask: Ask, messages: list[Message]) -> Flow[AIMessage]:
    """One answer, added to the messages; of one that is cut, what had come."""
    so_far = Gathering()

    def heard(step: Any) -> Iterator[Any]:
        if isinstance(step, AIMessageChunk):
            so_far.add(step)
        if type(step) is not Effect:
            yield step

    try:
        message = yield from relayed(ask(messages), heard)
    except BaseException as error:
        if so_far.chunk is not None:
            partial = so_far.message()
            partial.response_metadata = {**partial.response_metadata, "finish_reason": "interrupted"}
            messages.append(partial)
            messages.extend(_refused(call, INTERRUPTED) for call in _requests(partial))
            if isinstance(error, ChatError):
                error.partial = partial
        raise
    messages.append(message)
    return message


def _requests(message: AIMessage) -> list[Block]:
    """The tool calls of an answer, well formed or not, each with its own id, which pairs it with its result."""
    calls = [block for block in message.blocks if block["type"] in ("tool_call", "invalid_tool_call")]
    seen = set()
    for place, call in enumerate(calls):
        if not call.get("id") or call["id"] in seen:
            call["id"] = f"call_{message.id or ''}_{place}"
        seen.add(call["id"])
    return calls


def _run_all(
    calls: list[Block], messages: list[Message], tools: Mapping[str, Runnable], approve: Approve | None, config: Any
) -> Iterator[Any]:
    """Results for all calls, in the order of the calls. Several async tools run at the same time, after the others."""
    results: dict[int, ToolMessage] = {}
    together: dict[int, ToolCall] = {}
    several = sum(call["name"] in tools and tools[call["name"]].is_async for call in calls) > 1
    moved = 0
    try:
        for place, block in enumerate(calls):
            call = yield from _allowed(block, tools, approve)
            if isinstance(call, ToolMessage):
                results[place] = call
            elif several and tools[call["name"]].is_async:
                together[place] = call
                continue
            else:
                yield ToolStarted(call)
                results[place] = yield from _run(tools[call["name"]], call, config)
            if place == moved:
                messages.append(results[place])
                moved += 1
            yield results[place]
        for call in together.values():
            yield ToolStarted(call)
        if together:
            yield do.ask(_run_together, tools, together, config, results)
    finally:
        left = enumerate(calls[moved:], moved)
        messages.extend(results.get(place) or _refused(block, INTERRUPTED) for place, block in left)
    for place in together:
        yield results[place]


def _allowed(block: Block, tools: Mapping[str, Runnable], approve: Approve | None) -> Flow[ToolCall | ToolMessage]:
    """The call to run, or the result of one that is not to run."""
    name = block["name"]
    if block["type"] == "invalid_tool_call":
        return _refused(block, f"{block['error']}; write them as one JSON object: {block['args'][:200]}")
    if name not in tools:
        return _refused(block, f"there is no tool {name!r}; there is {', '.join(tools) or 'none'}")
    call: ToolCall = {"name": name, "args": block["args"], "id": block["id"], "type": "tool_call"}
    if approve is not None:
        verdict = yield do.ask(approve, name, dict(call["args"]))
        if isinstance(verdict, dict):
            call["args"] = verdict
        elif verdict is not True:
            return _refused(block, f"{DECLINED}: {verdict}" if isinstance(verdict, str) else DECLINED)
    return call


def _run(tool: Runnable, call: ToolCall, config: Any) -> Flow[ToolMessage]:
    """The result of one call. What goes wrong with a tool is told to the model."""
    try:
        return (yield from tool.flow(call, config))
    except Exception as error:
        return _failed(call, error)


async def _run_together(
    tools: Mapping[str, Runnable], calls: Mapping[int, ToolCall], config: Any, results: dict[int, ToolMessage]
) -> None:
    """Run async tools at the same time. Each result is stored as soon as it comes: a stop loses none."""

    async def run(place: int, call: ToolCall) -> None:
        try:
            results[place] = await tools[call["name"]].ainvoke(call, config)
        except Exception as error:
            results[place] = _failed(call, error)
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) and task.cancelling():
                raise
            results[place] = _failed(call, error)  # nobody stopped the tool: what it awaited was cancelled

    async with asyncio.TaskGroup() as group:
        for place, call in calls.items():
            group.create_task(run(place, call))


def _failed(call: ToolCall, error: BaseException) -> ToolMessage:
    return _refused(call, f"{type(error).__name__}: {error}"[:LONGEST_ERROR])


def _refused(call: Mapping[str, Any], why: str) -> ToolMessage:
    return ToolMessage(why, call["id"], name=call["name"], status="error")
