"""Google Gemini's `generateContent`, of the Gemini API and of Vertex AI: the request, and who reads the answer."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic_core import from_json

from nbchat.values.blocks import Block, is_media
from nbchat.values.errors import StreamError, UnsupportedError
from nbchat.values.messages import AIMessage, Gathering, Message, SystemMessage, ToolMessage
from nbchat.wire.codec import Call, OutputSchema, Request, ToolSpec, read_json
from nbchat.wire.errors import read_error
from nbchat.wire.gemini_decoder import WIRE, GeminiDecoder
from nbchat.wire.gemini_schema import gemini_schema
from nbchat.wire.untrusted import object_of

_OPTIONS = {  # neutral name: name in generationConfig
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_tokens": "maxOutputTokens",
    "stop": "stopSequences",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
_CONFIG = frozenset({  # its own names there, found also when given beside it
    "candidateCount", "responseModalities", "responseMimeType", "responseSchema", "responseJsonSchema", "mediaResolution",
    "speechConfig", "imageConfig", "thinkingConfig", "audioTimestamp", "routingConfig", "modelSelectionConfig",
    "enableAffectiveDialog", "enableEnhancedCivicAnswers", "responseLogprobs", "maxOutputTokens", "topP", "topK",
    "stopSequences", "presencePenalty", "frequencyPenalty", "responseFormat", "translationConfig",
})  # fmt: skip
_BUDGETS = {"minimal": 512, "low": 1024, "medium": 8192, "high": 24576}  # of models before 3, which know no levels
_CALLING = {"auto": "AUTO", "any": "ANY", "required": "ANY", "none": "NONE"}
UNSIGNED = "skip_thought_signature_validator"  # Google's word for a call that another model made
_DEFAULT_MIME = {"image": "image/png", "audio": "audio/wav", "video": "video/mp4", "file": "application/pdf"}


@dataclass(frozen=True)
class GeminiGenerate:
    """The codec of `generateContent` and `streamGenerateContent`.

    Attributes:
        extra: fields for every body.
    """

    extra: Mapping[str, Any] = field(default_factory=dict)
    name: str = "GeminiGenerate"
    features: ClassVar[frozenset[str]] = frozenset({
        "stream", "system", "tools", "forced_tool", "parallel_tools", "strict_tools", "json_schema", "json_mode",
        "image_in", "audio_in", "video_in", "file_in", "image_out", "audio_out", "reasoning", "reasoning_budget",
        "logprobs", "seed", "stop", "citations", "builtin_tools",
    })  # fmt: skip

    def request(self, call: Call) -> Request:
        """`POST /models/{model}:generateContent`, or `:streamGenerateContent?alt=sse`."""
        if call.parallel_tool_calls is False:
            raise UnsupportedError("GeminiGenerate has no switch for parallel tool calls; leave parallel_tool_calls out")
        body: dict[str, Any] = {"contents": _contents(call), **self.extra}
        if system := [part for m in call.messages if isinstance(m, SystemMessage) for part in _parts(m)]:
            body["systemInstruction"] = {"parts": system}
        if tools := _tools(call.tools):
            body["tools"] = tools
        if calling := _calling(call):
            body["toolConfig"] = {"functionCallingConfig": calling}
        config: dict[str, Any] = {}
        if call.output is not None:
            config = _output(call.output)
        _add_options(body, config, call)
        if config:
            body["generationConfig"] = config
        model = call.model if "/" in call.model else f"models/{call.model}"
        model = model[max(model.find("models/"), 0) :]  # "publishers/google/" is a part of Vertex's base URL
        method = "streamGenerateContent?alt=sse" if call.stream else "generateContent"
        return Request(f"/{quote(model)}:{method}", body)

    def decoder(self, provider: str) -> GeminiDecoder:
        return GeminiDecoder(provider)

    def answer(self, body: bytes, provider: str) -> AIMessage:
        data = read_json(body, provider)
        events = data if isinstance(data, list) else [data]
        reader, gathered = GeminiDecoder(provider), Gathering()
        for event in events:
            if isinstance(event, dict) and event.get("error"):
                raise read_error(provider, None, {}, event)
            if not isinstance(event, dict) or not event.keys() & {"candidates", "promptFeedback", "usageMetadata"}:
                raise StreamError(f"{provider} answered with JSON that is no Gemini answer: {str(event)[:200]}; is the base URL right?")
            for chunk in reader.on_event(b"", event):
                gathered.add(chunk)
        gathered.add(reader.last())
        return gathered.message()

    def retry_without(self, request: Request, problem: str) -> Request | None:
        """Models that do not think refuse to be asked for their thoughts."""
        config = object_of(request.body.get("generationConfig"))
        thinking = object_of(config.get("thinkingConfig"))
        if "includeThoughts" in thinking and re.search(r"include.?thoughts", problem, re.I):
            rest = {key: value for key, value in thinking.items() if key != "includeThoughts"}
            body = {**request.body, "generationConfig": {**config, "thinkingConfig": rest}}
            return replace(request, body=body)
        return None


def _add_options(body: dict[str, Any], config: dict[str, Any], call: Call) -> None:
    """Put each option where it belongs: Gemini nests what steers the generation."""
    for key, value in call.options.items():
        if value is None:
            continue
        own = _camel(key)
        if key in _OPTIONS:
            config[_OPTIONS[key]] = [value] if key == "stop" and isinstance(value, str) else value
        elif key == "logprobs":
            config["responseLogprobs"] = bool(value)
        elif key == "top_logprobs":
            config |= {"logprobs": value, "responseLogprobs": True}
        elif key == "reasoning":
            config["thinkingConfig"] = _thinking(value, call.model)
        elif own in ("thinkingBudget", "thinkingLevel", "includeThoughts"):
            config["thinkingConfig"] = {**config.get("thinkingConfig", {}), own: value}
        elif own == "generationConfig":
            _merge(config, value)
        elif own in _CONFIG:
            _merge(config, {own: value})
        else:
            _merge(body, {own: value})


def _merge(target: dict[str, Any], given: Mapping[str, Any]) -> None:
    for key, value in given.items():
        before = target.get(key)
        if isinstance(before, dict) and isinstance(value, Mapping):
            target[key] = dict(before)
            _merge(target[key], value)
        else:
            target[key] = value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _generation(model: str) -> int:
    """3 of "gemini-3-pro"; a name without a number means the latest."""
    found = re.search(r"gemini-(\d+)", model)
    return int(found[1]) if found else 3 if "-latest" in model else 2


def _thinking(value: Any, model: str) -> Any:
    if isinstance(value, Mapping):
        return value
    levels = _generation(model) >= 3
    if value is False:
        return {"thinkingLevel": "minimal"} if levels else {"thinkingBudget": 0}
    if isinstance(value, str):
        effort = {"thinkingLevel": value} if levels else {"thinkingBudget": _BUDGETS.get(value, -1)}
    else:
        effort = {} if value is True else {"thinkingBudget": value}
    return {**effort, "includeThoughts": True}


def _output(output: OutputSchema) -> dict[str, Any]:
    form: dict[str, Any] = {"responseMimeType": "application/json"}
    if output.method == "json_schema":
        form["responseJsonSchema"] = gemini_schema(output.schema)
    return form


def _tools(tools: Sequence[ToolSpec | Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The functions as one tool, every built-in tool as one of its own."""
    functions, own = [], []
    for tool in tools:
        match tool:
            case ToolSpec():
                functions.append(_function(tool.name, tool.description, tool.parameters))
            case {"function": {"name": name, **inside}} | {"type": "function", "name": name, **inside}:  # OpenAI's forms
                functions.append(_function(name, inside.get("description") or "", inside.get("parameters") or {}))
            case {"name": _}:  # a declaration in Gemini's own form
                functions.append(dict(tool))
            case _:
                own.append(tool)
    return [*([{"functionDeclarations": functions}] if functions else []), *own]


def _function(name: str, description: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    declared: dict[str, Any] = {"name": name, "description": description}
    if parameters:
        declared["parametersJsonSchema"] = gemini_schema(parameters)
    return declared


def _calling(call: Call) -> Mapping[str, Any] | None:
    choice = call.tool_choice
    strict = any(isinstance(tool, ToolSpec) and tool.strict for tool in call.tools)
    match choice:
        case None | "auto" if strict:
            return {"mode": "VALIDATED"}
        case None:
            return None
        case str() if choice in _CALLING:
            return {"mode": _CALLING[choice]}
        case str():
            return {"mode": "ANY", "allowedFunctionNames": [choice]}
        case {"type": "function", "function": {"name": name}}:
            return {"mode": "ANY", "allowedFunctionNames": [name]}
    return choice


def _contents(call: Call) -> list[dict[str, Any]]:
    """The conversation as turns of user and model; neighbours of one role are one turn."""
    names: dict[str, dict[str, Any]] = {}  # id of a tool call: what Gemini knows it by
    contents: list[dict[str, Any]] = []
    for message in call.messages:
        if isinstance(message, SystemMessage):
            continue
        if isinstance(message, AIMessage):
            role, parts = "model", _model_parts(message, _generation(call.model))
            names.update(_called(message))
        elif isinstance(message, ToolMessage):
            role, parts = "user", _result_parts(message, names)
        else:
            role, parts = "user", _parts(message) or [{"text": ""}]
        if not parts:
            continue  # an answer that was empty: Gemini refuses a turn without parts
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"] += parts
        else:
            contents.append({"role": role, "parts": parts})
    return contents


def _called(message: AIMessage) -> Iterator[tuple[str, dict[str, Any]]]:
    native = message.response_metadata.get("wire") == WIRE
    for block in message.content_blocks:
        if block["type"] in ("tool_call", "invalid_tool_call") and block.get("id"):
            own = object_of(object_of(block.get("extras")).get("functionCall")) if native else {}
            yield block["id"], {"name": block["name"], **({"id": own["id"]} if own.get("id") else {})}


def _result_parts(message: ToolMessage, names: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    known = names.get(message.tool_call_id) or {"name": message.name or "tool"}
    response: dict[str, Any] = {"error": message.text} if message.status == "error" else _json_object(message.text)
    media = [_part(block) for block in message.content_blocks if is_media(block)]
    return [{"functionResponse": {**known, "response": response}}, *media]


def _json_object(text: str) -> dict[str, Any]:
    """Gemini takes an object: the text as one, or in one."""
    try:
        found = from_json(text)
    except ValueError:
        found = text
    return found if isinstance(found, dict) else {"output": found}


def _model_parts(message: AIMessage, generation: int) -> list[dict[str, Any]]:
    native = message.response_metadata.get("wire") == WIRE
    parts = [part for block in message.content_blocks if (part := _part_back(block) if native else _foreign_part(block))]
    first = next((part for part in parts if "functionCall" in part), None)
    if generation >= 3 and first is not None:
        first.setdefault("thoughtSignature", UNSIGNED)
    return parts


def _part_back(block: Block) -> dict[str, Any] | None:
    """A block of Gemini's own answer as the part that it was."""
    extras = dict(object_of(block.get("extras")))
    if "part" in extras:
        return dict(extras["part"])
    if "signature" in extras:
        extras["thoughtSignature"] = extras.pop("signature")
    match block:
        case {"type": "text", "text": text}:
            return {"text": text, **extras} if text or extras else None
        case {"type": "reasoning", "reasoning": text}:
            return {"text": text, "thought": True, **extras}
        case {"type": "tool_call", "name": name, "args": args}:
            own = extras.pop("functionCall", {})
            return {"functionCall": {"name": name, "args": args, **own}, **extras}
        case {"type": "non_standard", "value": dict(value)}:
            return value
        case {"type": kind} if is_media(block):
            mime_type = block.get("mime_type") or _DEFAULT_MIME[kind]
            if "base64" in block:
                return {**extras, "inlineData": {**extras.get("inlineData", {}), "mimeType": mime_type, "data": block["base64"]}}
            return {**extras, "fileData": {**extras.get("fileData", {}), "mimeType": mime_type, "fileUri": block.get("url")}}
    return None


def _foreign_part(block: Block) -> dict[str, Any] | None:
    """A block of another wire's answer, as far as it means anything to Gemini: its text, calls and pictures."""
    match block:
        case {"type": "text", "text": str(text)} if text:
            return {"text": text}
        case {"type": "tool_call", "name": name, "args": args}:
            return {"functionCall": {"name": name, "args": args}}
        case {"type": "image", "base64": _}:
            return _part(block)
    return None


def _parts(message: Message) -> list[dict[str, Any]]:
    return [_part(block) for block in message.content_blocks]


def _part(block: Block) -> dict[str, Any]:
    match block:
        case {"type": "text" | "refusal", "text": text}:
            return {"text": text}
        case {"type": kind} if is_media(block):
            own = {key: value for key, value in object_of(block.get("extras")).items() if key != "signature"}
            if "base64" in block:
                data = {"mimeType": block.get("mime_type") or _DEFAULT_MIME[kind], "data": block["base64"]}
                return {"inlineData": data, **own}
            uri = block.get("url") or block["file_id"]
            mime_type = block.get("mime_type") or mimetypes.guess_type(uri)[0]
            return {"fileData": {"fileUri": uri, **({"mimeType": mime_type} if mime_type else {})}, **own}
        case {"type": "non_standard", "value": value}:
            return value
    return {key: value for key, value in block.items() if key not in ("index", "type")}
