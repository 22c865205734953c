"""What OpenAI refuses in a Chat Completions request, in its own words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.servers.reply import Reply
from tests.servers.request import Recorded
from tests.servers.words import names

ROLES = ("system", "assistant", "user", "function", "tool", "developer")
PARTS = ("text", "image_url", "input_audio", "refusal", "audio", "file")
ARGUMENTS = names(
    "audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens messages "
    "metadata modalities model moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key "
    "reasoning_effort prompt_cache_retention response_format safety_identifier seed service_tier stop store stream "
    "stream_options temperature tool_choice tools top_logprobs top_p user verbosity web_search_options"
)
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]+\Z")


class OpenAIError(Exception):
    """A refusal: HTTP status, and the fields of OpenAI's `error` object."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.fields = {"message": message, "type": "invalid_request_error", "param": param, "code": code}


def reject(error: OpenAIError, headers: Mapping[str, str]) -> Reply:
    """The reply which carries a refusal."""
    return Reply(status=error.status, headers=headers, body={"error": error.fields})


def authorise(request: Recorded) -> None:
    """Refuses a request without a key, and one whose key starts with `invalid` (quoting its ends, as OpenAI does)."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    key = key if scheme.lower() == "bearer" else request.headers.get("api-key", "")
    if not key:
        hint = "You need to provide your API key in an Authorization header using Bearer auth"
        raise OpenAIError(401, f"You didn't provide an API key. {hint} (i.e. Authorization: Bearer YOUR_KEY).")
    if key.startswith("invalid"):
        says = f"Incorrect API key provided: {key[:8]}*****{key[-4:]}."
        hint = "You can find your API key at https://platform.openai.com/account/api-keys."
        raise OpenAIError(401, f"{says} {hint}", None, "invalid_api_key")


def check(request: Recorded) -> dict[str, Any]:
    """The request's body. Raises `OpenAIError` for what OpenAI would refuse."""
    try:
        body = request.json
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise OpenAIError(400, "We could not parse the JSON body of your request.")
    _check_arguments(body)
    _check_messages(body["messages"])
    for index, tool in enumerate(body.get("tools") or []):
        _check_tool(tool, index)
    if body.get("tool_choice") and not body.get("tools"):
        message = "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."
        raise OpenAIError(400, message, "tool_choice")
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        _check_response_schema(wanted["json_schema"])
    if wanted.get("type") == "json_object" and "json" not in str(body["messages"]).lower():
        text = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        raise OpenAIError(400, text, "messages")
    return body


def _check_arguments(body: dict[str, Any]) -> None:
    if not body.get("model"):
        raise OpenAIError(400, "you must provide a model parameter")
    if "does-not-exist" in body["model"]:
        message = f"The model `{body['model']}` does not exist or you do not have access to it."
        raise OpenAIError(404, message, None, "model_not_found")
    if strangers := sorted(set(body) - ARGUMENTS):
        raise OpenAIError(400, f"Unrecognized request argument supplied: {', '.join(strangers)}")
    if "messages" not in body:
        raise OpenAIError(400, "Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
    if body.get("stream_options") is not None and not body.get("stream"):
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise OpenAIError(400, message, "stream_options")
    if body.get("top_logprobs") is not None and not body.get("logprobs"):
        raise OpenAIError(400, "'logprobs' must be true when 'top_logprobs' is specified.", "top_logprobs")
    heat = body.get("temperature")
    if heat is not None and not 0 <= heat <= 2:
        word, code = ("below minimum", "below_min") if heat < 0 else ("above maximum", "above_max")
        bound = ">= 0" if heat < 0 else "<= 2"
        message = f"Invalid 'temperature': decimal {word} value. Expected a value {bound}, but got {heat} instead."
        raise OpenAIError(400, message, "temperature", f"decimal_{code}_value")


def _check_messages(messages: list[dict[str, Any]]) -> None:
    if not messages:
        hint = "Expected an array with minimum length 1, but got an empty array instead."
        raise OpenAIError(400, f"Invalid 'messages': empty array. {hint}", "messages", "empty_array")
    waiting: list[str] = []
    for at, message in enumerate(messages):
        role = message.get("role")
        if role not in ROLES:
            listed = ", ".join(f"'{name}'" for name in ROLES[:-1])
            text = f"Invalid value: '{role}'. Supported values are: {listed}, and '{ROLES[-1]}'."
            raise OpenAIError(400, text, f"messages[{at}].role", "invalid_value")
        if role == "tool":
            if message.get("tool_call_id") not in waiting:
                text = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
                raise OpenAIError(400, f"Invalid parameter: {text}", f"messages.[{at}].role")
            waiting.remove(message["tool_call_id"])
        elif waiting:
            raise _unanswered(waiting, at)
        waiting += [call["id"] for call in message.get("tool_calls") or []]
        _check_content(message, at)
    if waiting:
        raise _unanswered(waiting, len(messages))


def _unanswered(ids: list[str], at: int) -> OpenAIError:
    text = (
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
        f"The following tool_call_ids did not have response messages: {', '.join(ids)}"
    )
    return OpenAIError(400, text, f"messages.[{at}].role")


def _check_content(message: dict[str, Any], at: int) -> None:
    content = message.get("content")
    silent = message["role"] == "assistant" and (message.get("tool_calls") or message.get("refusal"))
    if content is None and not silent:
        text = "Invalid value for 'content': expected a string, got null."
        raise OpenAIError(400, text, f"messages.[{at}].content")
    if not isinstance(content, list):
        return
    for number, part in enumerate(content):
        kind = part.get("type")
        if kind not in PARTS:
            listed = ", ".join(f"'{name}'" for name in PARTS[:-1])
            text = f"Invalid value: '{kind}'. Supported values are: {listed}, and '{PARTS[-1]}'."
            raise OpenAIError(400, text, f"messages[{at}].content[{number}].type", "invalid_value")
        if kind not in part:
            text = f"Missing required parameter: 'messages[{at}].content[{number}].{kind}'."
            raise OpenAIError(400, text, f"messages[{at}].content[{number}].{kind}", "missing_required_parameter")


def _check_tool(tool: dict[str, Any], index: int) -> None:
    at = f"tools[{index}]"
    if tool.get("type") != "function" or "function" not in tool:
        raise OpenAIError(400, f"Missing required parameter: '{at}.function'.", at, "missing_required_parameter")
    name = tool["function"].get("name", "")
    if not _TOOL_NAME.match(name):
        pattern = "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
        text = f"Invalid '{at}.function.name': string does not match pattern. {pattern}"
        raise OpenAIError(400, text, f"{at}.function.name", "invalid_value")
    parameters = tool["function"].get("parameters")
    if parameters is not None and parameters.get("type") != "object":
        says = "schema must be a JSON Schema of 'type: \"object\"'"
        text = f"Invalid schema for function '{name}': {says}, got 'type: \"{parameters.get('type')}\"'."
        raise OpenAIError(400, text, f"{at}.function.parameters", "invalid_function_parameters")
    if tool["function"].get("strict") and (fault := strict_fault(parameters or {})):
        text = f"Invalid schema for function '{name}': {fault}"
        raise OpenAIError(400, text, f"{at}.function.parameters", "invalid_function_parameters")


def _check_response_schema(wanted: dict[str, Any]) -> None:
    if not _TOOL_NAME.match(wanted.get("name", "")):
        text = "Missing required parameter: 'response_format.json_schema.name'."
        raise OpenAIError(400, text, "response_format.json_schema.name", "missing_required_parameter")
    if wanted.get("strict") and (fault := strict_fault(wanted["schema"])):
        raise OpenAIError(400, f"Invalid schema for response_format '{wanted['name']}': {fault}", "response_format")


def strict_fault(schema: Any, context: tuple[str, ...] = ()) -> str | None:
    """What strict mode refuses: an object open to more properties, or with optional ones; a default; `allOf`."""
    if isinstance(schema, list):
        return next(filter(None, (strict_fault(s, (*context, str(i))) for i, s in enumerate(schema))), None)
    if not isinstance(schema, dict):
        return None
    where = "In context=(" + ", ".join(f"'{step}'" for step in context) + "), "
    if "allOf" in schema:
        return f"{where}'allOf' is not permitted."
    if "default" in schema:
        return f"{where}'default' is not permitted."
    if "$ref" in schema and len(schema) > 1:
        return f"{where}$ref cannot have keywords {set(schema) - {'$ref'}}."
    if schema.get("type") == "object" or "properties" in schema:
        if schema.get("additionalProperties") is not False:
            return f"{where}'additionalProperties' is required to be supplied and to be false."
        if missing := [name for name in schema.get("properties", {}) if name not in schema.get("required", [])]:
            says = "'required' is required to be supplied and to be an array including every key in properties."
            return f"{where}{says} Missing '{missing[0]}'."
    for key in ("properties", "$defs", "definitions"):
        for name, part in schema.get(key, {}).items():
            if fault := strict_fault(part, (*context, key, name)):
                return fault
    faults = (strict_fault(schema[key], (*context, key)) for key in ("items", "anyOf") if key in schema)
    return next(filter(None, faults), None)
