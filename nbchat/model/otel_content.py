"""Prompts and answers as the GenAI semantic conventions write them into spans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic_core import to_json

from nbchat.values.blocks import Block, is_media
from nbchat.values.messages import AIMessage, Message, SystemMessage, ToolMessage

_PROVIDERS = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "bedrock_mantle": "aws.bedrock",
    "google": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "openai_responses": "openai",
    "xai": "x_ai",
}


def provider_name(provider: str) -> str:
    """`gen_ai.provider.name` of a provider of ours."""
    return _PROVIDERS.get(provider, provider)


def conversation(messages: Sequence[Message]) -> dict[str, str]:
    """The attributes of a prompt: `gen_ai.input.messages`, and `gen_ai.system_instructions` where it has any."""
    system = [part for m in messages if isinstance(m, SystemMessage) for part in _parts(m)]
    said = [{"role": m.role, "parts": _parts(m)} for m in messages if not isinstance(m, SystemMessage)]
    attributes = {"gen_ai.input.messages": _json(said)}
    return attributes | ({"gen_ai.system_instructions": _json(system)} if system else {})


def answer(message: AIMessage) -> str:
    """`gen_ai.output.messages`."""
    return _json([{"role": "assistant", "parts": _parts(message), "finish_reason": message.finish_reason}])


def _parts(message: Message) -> list[dict[str, Any]]:
    if isinstance(message, ToolMessage):
        return [{"type": "tool_call_response", "id": message.tool_call_id, "response": message.text}]
    return [_part(block) for block in message.content_blocks]


def _part(block: Block) -> dict[str, Any]:
    match block:
        case {"type": "text" | "refusal", "text": text}:
            return {"type": "text", "content": text}
        case {"type": "reasoning"}:
            return {"type": "reasoning", "content": block.get("reasoning") or ""}
        case {"type": "tool_call" | "invalid_tool_call", "name": name, "args": args}:
            return {"type": "tool_call", "id": block.get("id"), "name": name, "arguments": args}
        case {"type": kind} if is_media(block):
            about = {"modality": kind, "mime_type": block.get("mime_type")}
            if "base64" in block:
                return {"type": "blob", **about, "content": block["base64"]}
            if "url" in block:
                return {"type": "uri", **about, "uri": block["url"]}
            return {"type": "file", **about, "file_id": block["file_id"]}
    return block


def _json(value: Any) -> str:
    return to_json(value, fallback=str).decode()
