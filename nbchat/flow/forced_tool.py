"""Tools for an engine that ignores them: a forced call is an answer held to a schema. No network, no clock."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from nbchat.flow.attempt import as_chunk
from nbchat.flow.effects import Flow
from nbchat.flow.relay import relayed
from nbchat.values.blocks import Block
from nbchat.values.chunks import AIMessageChunk
from nbchat.values.errors import UnsupportedError
from nbchat.values.gathering import Gathering
from nbchat.values.messages import AIMessage, HumanMessage, Message, SystemMessage, ToolMessage
from nbchat.wire.codec import Call, OutputSchema, ToolSpec


def by_schema(ask: Callable[[Call], Flow[AIMessage]], call: Call) -> Flow[AIMessage]:
    """The answer to a call with tools, from an engine that knows none but can be held to a JSON schema.

    A forced call (`tool_choice` "any" or a name) streams like any other; results of tools are told in words.

    Raises:
        UnsupportedError: the model would have to decide for itself whether to use a tool.
    """
    plain = replace(call, messages=_in_words(call.messages), tools=(), tool_choice=None, parallel_tool_calls=None)
    specs = [tool for tool in call.tools if isinstance(tool, ToolSpec)]
    if call.tool_choice not in (None, "auto", "any", "none"):
        specs = [spec for spec in specs if spec.name == call.tool_choice]
    elif not call.tools or call.tool_choice == "none":
        return (yield from ask(plain))
    elif call.tool_choice != "any":
        if isinstance(call.messages[-1], ToolMessage):
            return (yield from ask(plain))
        raise UnsupportedError(
            f"{call.model} cannot decide for itself whether to use a tool: "
            f"force one, with tool_choice='any' or tool_choice={specs[0].name if specs else 'its name'!r}"
        )
    asked = replace(plain, messages=_with_tools(plain.messages, specs), output=_form(specs))
    return (yield from _as_call(ask(asked), specs[0].name if len(specs) == 1 else None))


def _form(specs: Sequence[ToolSpec]) -> OutputSchema:
    """One tool: its arguments. Several: the name of one, and its arguments."""
    schemas = [{"additionalProperties": False, **spec.parameters} for spec in specs]
    if len(specs) == 1:
        return OutputSchema(specs[0].name, schemas[0])
    shared = {name: value for schema in schemas for name, value in schema.pop("$defs", {}).items()}
    calls = [
        {
            "type": "object",
            "properties": {"name": {"const": spec.name}, "arguments": schema},
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for spec, schema in zip(specs, schemas, strict=True)
    ]
    return OutputSchema("tool_call", {"anyOf": calls, "$defs": shared})


def _with_tools(messages: Sequence[Message], specs: Sequence[ToolSpec]) -> list[Message]:
    shown = [f"{spec.name}({', '.join(spec.parameters.get('properties', ()))}): {spec.description}" for spec in specs]
    what = "the arguments of this tool" if len(specs) == 1 else "the name of one of these tools and its arguments"
    order = "\n".join([f"Answer with {what}, as JSON.", *shown])
    if isinstance(messages[0], SystemMessage):
        return [SystemMessage(f"{messages[0].text}\n\n{order}"), *messages[1:]]
    return [SystemMessage(order), *messages]


def _in_words(messages: Sequence[Message]) -> list[Message]:
    """The conversation with tool calls and their results as plain text."""
    out: list[Message] = []
    results: list[str] = []
    for message in messages:
        if isinstance(message, ToolMessage):
            results.append(f"The result of {message.name or 'the tool'} is: {message.text}")
            continue
        if results:
            out.append(HumanMessage("\n".join(results)))
            results = []
        calls = [f"{call['name']}({_args(call['args'])})" for call in message.blocks if call["type"] in _CALLS]
        if calls:
            message = AIMessage(f"{message.text}\nLet me look it up with {', '.join(calls)}.".strip())
        out.append(message)
    if results:
        out.append(HumanMessage("\n".join([*results, "What is the answer to my question?"])))
    return out


_CALLS = ("tool_call", "invalid_tool_call")


def _args(args: Any) -> str:
    if not isinstance(args, dict):
        return str(args)
    return ", ".join(f"{name}={value!r}" for name, value in args.items())


def _as_call(flow: Flow[AIMessage], name: str | None) -> Flow[AIMessage]:
    """The flow of a JSON text as the flow of the tool call that it is."""
    reader, whole = _CallReader(name), Gathering()

    def shown(step: Any) -> Iterator[AIMessageChunk]:
        if isinstance(step, AIMessageChunk):
            chunk = reader.read(step)
            whole.add(chunk)
            yield chunk

    message = yield from relayed(flow, shown)
    if whole.chunk is None:  # it was not streamed
        whole.add(reader.read(as_chunk(message)))
    called = whole.message()
    called.timing = message.timing
    return called


_HEAD = re.compile(r'\s*\{\s*"name"\s*:\s*"([^"]*)"\s*,\s*"arguments"\s*:\s*')
_TAIL = re.compile(r"[\s}]*\Z")


class _CallReader:
    """Chunks of JSON text in, the same chunks with pieces of one tool call out.

    `name` is that of the only tool; else the text is `{"name": …, "arguments": …}`.
    """

    def __init__(self, name: str | None) -> None:
        self._name = name
        self._wrapped = name is None
        self._begun = False
        self._held = ""  # text that says no name yet, or that may be the end of the wrapping

    def read(self, chunk: AIMessageChunk) -> AIMessageChunk:
        last = chunk.chunk_position == "last"
        args = self._args(chunk.text, last) if self._wrapped else chunk.text
        blocks = [block for block in chunk.blocks if block["type"] != "text"]
        if last or (self._name is not None and (args or not self._begun)):
            blocks.append(self._piece(args, chunk.id))
        out = AIMessageChunk(
            blocks=blocks,
            usage_metadata=chunk.usage_metadata,
            response_metadata=chunk.response_metadata,
            additional_kwargs=chunk.additional_kwargs,
            id=chunk.id,
            chunk_position=chunk.chunk_position,
        )
        out.timing = chunk.timing
        return out

    def _piece(self, args: str, id: str | None) -> Block:
        name = "" if self._begun else self._name or ""
        self._begun = True
        return {"type": "tool_call_chunk", "name": name, "args": args, "id": id and f"call_{id}", "index": 0}

    def _args(self, text: str, last: bool) -> str:
        text = self._held + text
        if self._name is None:
            if not (head := _HEAD.match(text)):
                self._held = "" if last else text
                return text if last else ""
            self._name, text = head[1], text[head.end() :]
        end = len(text) if last else _TAIL.search(text).start()  # type: ignore[union-attr]
        self._held = text[end:]
        return text[:end].rstrip().removesuffix("}") if last else text[:end]
