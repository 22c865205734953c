"""What people write for messages - strings, dicts, pairs - read as messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nbchat.values.chunks import AIMessageChunk
from nbchat.values.errors import ConfigurationError
from nbchat.values.messages import AIMessage, HumanMessage, Message, SystemMessage, ToolMessage


def message_from_dict(data: Mapping[str, Any]) -> Message:
    """Read back what `Message.to_dict` wrote; also `{"role": …, "content": …}` as the providers write it."""
    kind = data.get("type") or data.get("role")
    fields = {k: v for k, v in data.items() if k not in ("type", "role", "content", "timing")}
    content = data.get("content") or ""
    for key in ("usage_metadata", "response_metadata", "additional_kwargs", "timing"):
        if data.get(key) is not None and not isinstance(data[key], Mapping):
            raise ConfigurationError(f"{key} of a message is a dict, not {type(data[key]).__name__}")
    match kind:
        case "system" | "developer":
            message: Message = SystemMessage(content, **_only(fields))
        case "human" | "user":
            message = HumanMessage(content, **_only(fields))
        case "tool":
            result = {k: fields[k] for k in ("tool_call_id", "status") if k in fields}
            message = ToolMessage(content, **result, **_only(fields))
        case "ai" | "assistant":
            extra = {k: fields[k] for k in ("usage_metadata", "response_metadata", "invalid_tool_calls") if k in fields}
            calls = [_openai_call(call) for call in fields.get("tool_calls") or ()]
            if not content and isinstance(refusal := fields.get("refusal"), str):
                content = [{"type": "refusal", "text": refusal}]
            message = AIMessage(content, tool_calls=calls, **extra, **_only(fields))
            message.timing = dict(data.get("timing") or {})
        case _:
            raise ConfigurationError(f"a message has no known role: {kind!r}; use one of system, user, assistant, tool")
    return message


def _only(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: fields[key] for key in ("name", "id", "additional_kwargs") if key in fields}


def _openai_call(call: Any) -> Any:
    """A call in OpenAI's chat form as one of ours; anything else as it is."""
    match call:
        case {"function": {"name": name, **rest}}:
            return {"name": name, "args": rest.get("arguments"), "id": call.get("id")}
        case {"custom": {"name": name, **rest}}:  # a tool that takes free text
            args = {"input": rest.get("input")}
            return {"name": name, "args": args, "id": call.get("id"), "extras": {"type": "custom"}}
    return call


def read_messages(given: Any) -> list[Message]:
    """What `invoke` takes, as messages: a string, a message, or a list of messages, dicts and `(role, text)` pairs.

    Raises:
        ConfigurationError: the input is empty, or one of its items is none of these.
    """
    if isinstance(given, str):
        if not given.strip():
            raise ConfigurationError("the prompt is empty: there is nothing to send")
        return [HumanMessage(given)]
    if isinstance(given, Message | Mapping) or _is_pair(given):
        return [_with_content(_read_message(given))]
    if not isinstance(given, Sequence) or isinstance(given, bytes):
        raise ConfigurationError(f"a model takes a string, a message or a list of messages, not {type(given).__name__}")
    if not given:
        raise ConfigurationError("there are no messages to send: give at least one")
    messages = [_read_message(item) for item in given]
    if not any(map(_says_something, messages)):
        _with_content(messages[-1])
    return messages


def check_results(messages: Sequence[Message]) -> None:
    """Raise ConfigurationError for a tool's result that answers no call before it."""
    called: set[Any] = set()
    for message in messages:
        if isinstance(message, AIMessage):
            called |= {each.get(key) for block in message.blocks for each in _and_value(block) for key in _CALL_IDS}
            if any(block["type"] == "tool_call" for block in message.blocks):
                called.add("")  # not every server gives its calls ids
        elif isinstance(message, ToolMessage) and message.tool_call_id not in called:
            what = repr(message.tool_call_id) if message.tool_call_id else f"{message.text!r:.40}, without an id,"
            raise ConfigurationError(
                f"the tool result {what} answers no tool call in the conversation: put the answer that asked for it "
                "before it"
            )


_CALL_IDS = ("id", "call_id", "toolUseId")


def _and_value(block: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A block, and a provider's own one within it."""
    return [each for each in (block, block.get("value")) if isinstance(each, Mapping)]


def _is_pair(given: Any) -> bool:
    """Whether this is one `(role, text)` pair, not a tuple of two texts."""
    return isinstance(given, tuple) and len(given) == 2 and given[0] in _ROLES


_ROLES = ("system", "developer", "human", "user", "ai", "assistant")


def _with_content(message: Message) -> Message:
    if not _says_something(message):
        raise ConfigurationError("the message is empty: there is nothing to send")
    return message


def _says_something(message: Message) -> bool:
    return any(block["type"] != "text" or block["text"].strip() for block in message.blocks)


def _read_message(item: Any) -> Message:
    match item:
        case AIMessageChunk():
            return item.to_message()
        case Message():
            return item
        case str():
            return HumanMessage(item)
        case Mapping():
            return message_from_dict(item)
        case (str(role), content):
            return message_from_dict({"role": role, "content": content})
    raise ConfigurationError(
        f"a message is a Message, a dict with role and content, or a (role, text) pair, not {type(item).__name__}"
    )
