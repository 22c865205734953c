"""What Anthropic refuses in a Messages request, in its own words."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

from tests.servers.reply import Reply
from tests.servers.request import Recorded
from tests.servers.words import names

ARGUMENTS = names(
    "betas cache_control container context_management inference_geo max_tokens mcp_servers messages metadata model "
    "output_config output_format service_tier speed stop_sequences stream system temperature thinking tool_choice "
    "tools top_k top_p"
)
BLOCKS = names(
    "document image redacted_thinking search_result server_tool_use text thinking tool_result tool_use "
    "web_search_tool_result code_execution_tool_result container_upload mcp_tool_use mcp_tool_result"
)
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}\Z")


class AnthropicError(Exception):
    """A refusal: HTTP status, `error.type` and `error.message`."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


def reject(error: AnthropicError, request_id: str) -> Reply:
    """The reply which carries a refusal."""
    fields = {"type": error.kind, "message": str(error)}
    body: dict[str, Any] = {"type": "error", "error": fields, "request_id": request_id}
    return Reply(status=error.status, headers={"request-id": request_id}, body=body)


def signature(thinking: str) -> str:
    """The signature of a thinking block; it must come back with the same text."""
    return base64.b64encode(hashlib.sha256(b"signed " + thinking.encode()).digest() * 2).decode()


def authorise(request: Recorded) -> None:
    """Refuses a request without `x-api-key` or `anthropic-version`, and a key which starts with `invalid`."""
    key = request.headers.get("x-api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")
    if not key:
        raise AnthropicError(401, "authentication_error", "x-api-key header is required")
    if key.startswith("invalid"):
        raise AnthropicError(401, "authentication_error", "invalid x-api-key")
    if "anthropic-version" not in request.headers:
        raise _invalid("anthropic-version: header is required")


def check(request: Recorded) -> dict[str, Any]:
    """The request's body. Raises `AnthropicError` for what Anthropic would refuse."""
    try:
        body = request.json
    except ValueError as error:
        raise _invalid(f"The request body is not valid JSON: {error}") from error
    for name in ("model", "max_tokens", "messages"):
        if body.get(name) is None:
            raise _invalid(f"{name}: Field required")
    if strangers := sorted(set(body) - ARGUMENTS):
        raise _invalid(f"{strangers[0]}: Extra inputs are not permitted")
    if "does-not-exist" in body["model"]:
        raise AnthropicError(404, "not_found_error", f"model: {body['model']}")
    if body["max_tokens"] < 1:
        raise _invalid("max_tokens: must be greater than or equal to 1")
    if body.get("temperature") is not None and not 0 <= body["temperature"] <= 1:
        raise _invalid("temperature: range: 0..1")
    for index, tool in enumerate(body.get("tools") or []):
        _check_tool(tool, index)
    _check_choice(body)
    _check_format(body)
    _check_messages(body["messages"])
    _check_thinking(body)
    return body


def _invalid(message: str) -> AnthropicError:
    return AnthropicError(400, "invalid_request_error", message)


def _check_tool(tool: dict[str, Any], index: int) -> None:
    if tool.get("type", "custom") != "custom":
        return  # a tool that Anthropic runs itself
    at = f"tools.{index}.custom"
    if not _TOOL_NAME.match(tool.get("name", "")):
        raise _invalid(f"{at}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    if "input_schema" not in tool:
        raise _invalid(f"{at}.input_schema: Field required")
    if tool["input_schema"].get("type") != "object":
        raise _invalid(f"{at}.input_schema.type: Input should be 'object'")


def _check_choice(body: dict[str, Any]) -> None:
    choice = body.get("tool_choice")
    if choice is None:
        return
    if not isinstance(choice, dict) or choice.get("type") not in ("auto", "any", "tool", "none"):
        raise _invalid(f"tool_choice: Input tag {choice!r} does not match any of the expected tags")
    if not body.get("tools"):
        raise _invalid("tool_choice may only be specified while providing tools")
    if choice["type"] == "tool" and choice.get("name") not in [tool.get("name") for tool in body["tools"]]:
        raise _invalid(f"Tool '{choice.get('name')}' not found in provided tools")


def _check_format(body: dict[str, Any]) -> None:
    wanted = body.get("output_format") or (body.get("output_config") or {}).get("format")
    if wanted and _open_object(wanted["schema"]):
        says = "For 'object' type, 'additionalProperties' must be explicitly set to false"
        raise _invalid(f"output_config.format.schema: {says}")


def _open_object(schema: Any) -> bool:
    if isinstance(schema, list):
        return any(map(_open_object, schema))
    if not isinstance(schema, dict):
        return False
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        return True
    return any(map(_open_object, schema.values()))


def _check_messages(messages: list[dict[str, Any]]) -> None:
    if not messages:
        raise _invalid("messages: at least one message is required")
    used: list[str] = []
    for at, message in enumerate(messages):
        if message.get("role") not in ("user", "assistant"):
            says = f'Unexpected role "{message.get("role")}".'
            hint = 'The Messages API accepts a top-level `system` parameter, not "system" as an input message role.'
            raise _invalid(f"messages: {says} {hint}")
        if at == 0 and message["role"] != "user":
            raise _invalid('messages: first message must use the "user" role')
        blocks = _blocks(message, at, last=at == len(messages) - 1)
        _check_results(blocks, used, at)
        used = [block["id"] for block in blocks if block["type"] == "tool_use"]
    if used:
        raise _unanswered(used, len(messages) - 1)


def _blocks(message: dict[str, Any], at: int, *, last: bool) -> list[dict[str, Any]]:
    content = message.get("content")
    if not content and not (last and message["role"] == "assistant"):
        says = "all messages must have non-empty content except for the optional final assistant message"
        raise _invalid(f"messages.{at}: {says}")
    if isinstance(content, str):
        if last and message["role"] == "assistant" and content != content.rstrip():
            raise _invalid("messages: final assistant content cannot end with trailing whitespace")
        return [{"type": "text", "text": content}]
    for number, block in enumerate(content or []):
        if (kind := block.get("type")) not in BLOCKS:
            listed = ", ".join(f"'{name}'" for name in sorted(BLOCKS))
            says = f"Input tag '{kind}' found using 'type' does not match any of the expected tags: {listed}"
            raise _invalid(f"messages.{at}.content.{number}: {says}")
        if block["type"] == "text" and not block.get("text"):
            raise _invalid("messages: text content blocks must be non-empty")
        if block["type"] == "thinking" and block.get("signature") != signature(block.get("thinking", "")):
            raise _invalid(f"messages.{at}.content.{number}: Invalid `signature` in `thinking` block")
    return content or []


def _check_results(blocks: list[dict[str, Any]], used: list[str], at: int) -> None:
    """Each tool_use of the message before needs its tool_result here, before any text, and no other may come."""
    given = [block.get("tool_use_id") for block in blocks if block["type"] == "tool_result"]
    if strangers := [name for name in given if name not in used]:
        says = f"unexpected `tool_use_id` found in `tool_result` blocks: {strangers[0]}."
        hint = "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
        raise _invalid(f"messages.{at}.content.0: {says} {hint}")
    leading = [block.get("tool_use_id") for block in blocks[: len(given)]]
    if missing := [name for name in used if name not in leading]:
        raise _unanswered(missing, at - 1)


def _unanswered(ids: list[str], at: int) -> AnthropicError:
    says = f"`tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(ids)}."
    hint = "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
    return _invalid(f"messages.{at}: {says} {hint}")


def _check_thinking(body: dict[str, Any]) -> None:
    thinking = body.get("thinking") or {}
    if thinking.get("type") != "enabled":
        return
    if thinking.get("budget_tokens", 0) < 1024:
        raise _invalid("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
    if body["max_tokens"] <= thinking["budget_tokens"]:
        raise _invalid("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if body.get("temperature") not in (None, 1):
        raise _invalid("`temperature` may only be set to 1 when thinking is enabled.")
    if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
        raise _invalid("Thinking may not be enabled when tool_choice forces tool use.")
    _check_thinking_kept(body["messages"])


def _check_thinking_kept(messages: list[dict[str, Any]]) -> None:
    """The last assistant message, where it called tools, must begin with the thinking which led to the calls."""
    spoke = [at for at, message in enumerate(messages) if message["role"] == "assistant"]
    content = messages[spoke[-1]]["content"] if spoke else ""
    if not isinstance(content, list) or not any(block["type"] == "tool_use" for block in content):
        return
    if (first := content[0]["type"]) not in ("thinking", "redacted_thinking"):
        says = f"Expected `thinking` or `redacted_thinking`, but found `{first}`."
        hint = "When `thinking` is enabled, a final `assistant` message must start with a thinking block."
        raise _invalid(f"messages.{spoke[-1]}.content.0.type: {says} {hint}")
