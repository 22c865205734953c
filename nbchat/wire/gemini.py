"""Google Gemini's `generateContent`, of the Gemini API and of Vertex AI: the request, and who reads the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar
from urllib.parse import quote

from nbchat.values.errors import ConfigurationError, StreamError, UnsupportedError
from nbchat.values.messages import AIMessage, SystemMessage
from nbchat.wire.codec import Call, OutputSchema, Request, ToolSpec
from nbchat.wire.decoding import read_json
from nbchat.wire.gemini_contents import contents, generation_of, parts_of
from nbchat.wire.gemini_decoder import GeminiDecoder
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
    "candidateCount", "responseModalities", "responseMimeType", "responseSchema", "responseJsonSchema",
    "mediaResolution", "speechConfig", "imageConfig", "thinkingConfig", "audioTimestamp", "routingConfig",
    "modelSelectionConfig", "enableAffectiveDialog", "enableEnhancedCivicAnswers", "responseLogprobs",
    "maxOutputTokens", "topP", "topK", "stopSequences", "presencePenalty", "frequencyPenalty", "responseFormat",
    "translationConfig",
})  # fmt: skip
_BUDGETS = {"minimal": 512, "low": 1024, "medium": 8192, "high": 24576}  # of models before 3, which know no levels
_CALLING = {"auto": "AUTO", "any": "ANY", "required": "ANY", "none": "NONE"}
_ANSWER = frozenset({"candidates", "promptFeedback", "usageMetadata", "error"})  # one of them is in every answer


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
            raise UnsupportedError("GeminiGenerate has no switch for parallel_tool_calls; leave it out")
        body: dict[str, Any] = {"contents": contents(call), **self.extra}
        if not body["contents"]:
            raise ConfigurationError("there is nothing to send: the messages have no content beside the system's")
        if system := [part for m in call.messages if isinstance(m, SystemMessage) for part in parts_of(m)]:
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
        for event in events:
            if not isinstance(event, dict) or not event.keys() & _ANSWER:
                shown = str(event)[:200]
                raise StreamError(f"{provider} sent JSON that is no Gemini answer: {shown}; is the base URL right?")
        reader = GeminiDecoder(provider)
        return reader.message(chunk for event in events for chunk in reader.on_event(b"", event))

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


def _thinking(value: Any, model: str) -> Any:
    if isinstance(value, Mapping):
        return value
    levels = generation_of(model) >= 3
    if value in (False, "none"):
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
            case {"function": dict(given)} | ({"type": "function", "name": _} as given):  # OpenAI's forms
                about, parameters = given.get("description") or "", given.get("parameters") or {}
                functions.append(_function(given["name"], about, parameters))
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
