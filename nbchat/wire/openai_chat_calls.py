"""The tool calls of a chat completion, told apart although vendors number and name them badly. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_core import to_json

from nbchat.values.blocks import Block, tool_call
from nbchat.values.chunks import AIMessageChunk
from nbchat.wire.untrusted import count_of, object_of, text_of

CUSTOM = "custom"  # OpenAI's type of a call whose argument is free text, `input`
_CALL = frozenset({"index", "id", "type", "function", CUSTOM})


class CallReader:
    """Feed pieces of tool calls; get chunks that carry our own number of the call.

    A piece belongs to the call of its id; without an id, to the latest call of its index. Some vendors give index 0 to
    every call, others no id at all, or a new one to every piece: a name begins a call, its absence goes on with one.
    """

    def __init__(self) -> None:
        self._by_id: dict[str, int] = {}
        self._by_index: dict[Any, int] = {}
        self._named: list[bool] = []  # of each call: whether a name has come
        self._has_id: list[bool] = []
        self._custom: set[int] = set()

    def read(self, call: Mapping[str, Any], place: int) -> AIMessageChunk:
        """The chunk of one piece, which stood at this place in its list."""
        custom = object_of(call.get(CUSTOM))
        function = custom or object_of(call.get("function"))
        name = text_of(function.get("name"))
        id = call.get("id")
        id = id if isinstance(id, str) and id not in ("", "null") else None
        index = call.get("index", place)
        number = self._number(index if isinstance(index, int | str) else None, id, name)
        own = {key: call[key] for key in call.keys() - _CALL if call[key] is not None}
        if custom:
            args = self._free_text(number, text_of(custom.get("input")))
            own["type"] = CUSTOM
        else:
            args = _json_text(function.get("arguments"))
        block: Block = {"type": "tool_call_chunk", "name": name, "args": args, "id": id, "index": number}
        return AIMessageChunk(blocks=[block | ({"extras": own} if own else {})])

    def close(self) -> Iterator[AIMessageChunk]:
        """The ends of the calls with free text."""
        for number in sorted(self._custom):
            block: Block = {"type": "tool_call_chunk", "name": "", "args": '"}', "id": None, "index": number}
            yield AIMessageChunk(blocks=[block])

    def _free_text(self, number: int, text: str) -> str:
        """A piece of free text as a piece of the JSON object that it is the one argument of."""
        begin = "" if number in self._custom else '{"input":"'
        self._custom.add(number)
        return begin + to_json(text).decode()[1:-1]

    def _number(self, index: int | str | None, id: str | None, name: str) -> int:
        number = self._by_id.get(id) if id else None
        if number is None:
            number = self._by_index.get(index)
            if number is not None and name and self._is_another(number, id):
                number = None
        if number is None:
            number = len(self._named)
            self._named.append(False)
            self._has_id.append(False)
        self._by_index[index] = number
        self._named[number] |= bool(name)
        if id:
            self._by_id[id] = number
            self._has_id[number] = True
        return number

    def _is_another(self, number: int, id: str | None) -> bool:
        """Whether a piece with a name, of the same index, begins another call than this one."""
        return self._named[number] and bool(id) == self._has_id[number]


def _json_text(args: Any) -> str:
    return args if isinstance(args, str) else "" if args is None else to_json(args).decode()


def executed_tool(tool: Mapping[str, Any]) -> AIMessageChunk:
    """A tool that Groq ran itself: `type`, `arguments`, and once it is done `output`. A stream repeats it."""
    number = count_of(tool.get("index")) or 0
    name, id = text_of(tool.get("type")), f"executed_{number}"
    args = tool_call(name, text_of(tool.get("arguments")), id)["args"]
    blocks: list[Block] = [{"type": "server_tool_call", "name": name, "args": args, "id": id, "index": number}]
    if done := {key: value for key, value in tool.items() if key not in _EXECUTED and value is not None}:
        result = {"tool_call_id": id, "output": done.pop("output", None), "status": "success"}
        blocks.append({"type": "server_tool_result", **result, "extras": done, "index": number})
    return AIMessageChunk(blocks=blocks)


_EXECUTED = frozenset({"index", "type", "arguments"})
