"""How the pretend models decide: what a request asks for, and the answer they give when no test scripts one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.servers.schema import Mentions, Schema, as_json, example

_OPERATORS = {"*": "multiply", "x": "multiply", "+": "add", "-": "subtract", "/": "divide"}
_SUM = re.compile(r"(-?\d+(?:\.\d+)?)\s*([*x+/-])\s*(-?\d+(?:\.\d+)?)")
_FILLERS = frozenset({"get", "set", "the", "tool", "for", "and", "lookup", "find", "fetch", "search", "current"})


@dataclass(frozen=True)
class Question:
    """A request in no provider's words.

    `results`: outputs of tools since the user last spoke. `must`: the name of a tool that has to be called, or `*`
    for any. `schema`: that of the JSON value asked for instead of prose.
    """

    prompt: str
    tools: Mapping[str, Schema] = field(default_factory=dict)
    results: list[str] = field(default_factory=list)
    must: str | None = None
    schema: Schema | None = None
    parallel: bool = True


def default_answer(question: Question) -> dict[str, Any]:
    """Text or tool calls, always the same for the same question: `{"text": …}` or `{"tool_calls": […]}`."""
    calls = [] if question.results and not question.must else _calls(question)
    if calls:
        return {"tool_calls": calls if question.parallel else calls[:1]}
    if question.schema is not None:
        return {"text": as_json(example(question.schema, Mentions.of(question.prompt)))}
    if question.results:
        return {"text": "Here is what I found: " + "; ".join(question.results)}
    return {"text": f"You said: {question.prompt}"}


def _calls(question: Question) -> list[dict[str, Any]]:
    if question.must not in (None, "*"):
        return [_call(str(question.must), question, Mentions.of(question.prompt))]
    sums = _arithmetic(question)
    if sums:
        return sums
    found = [call for name in question.tools if _mentioned(name, question.prompt) for call in _each(name, question)]
    if not found and question.must and question.tools:
        return [_call(next(iter(question.tools)), question, Mentions.of(question.prompt))]
    return found


def _arithmetic(question: Question) -> list[dict[str, Any]]:
    calls = []
    for first, sign, second in _SUM.findall(question.prompt):
        name = next((t for t in question.tools if _OPERATORS[sign] in t.lower()), None)
        if name is not None:
            calls.append(_call(name, question, Mentions.of(f"{first} {second}")))
    return calls


def _each(name: str, question: Question) -> list[dict[str, Any]]:
    """One call, or one for each name in the prompt where the tool takes a single text."""
    mentions = Mentions.of(question.prompt)
    schema = question.tools[name]
    required = [schema.get("properties", {}).get(key, {}) for key in schema.get("required", [])]
    texts = [part for part in required if part.get("type") == "string" and "enum" not in part]
    times = len(mentions.names) // len(texts) if texts else 1
    return [_call(name, question, mentions) for _ in range(max(1, times))]


def _call(name: str, question: Question, mentions: Mentions) -> dict[str, Any]:
    return {"name": name, "args": example(question.tools[name], mentions)}


def _mentioned(name: str, prompt: str) -> bool:
    said = prompt.lower()
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)
    words = [part.lower() for part in parts if len(part) > 2 and part.lower() not in _FILLERS]
    return name.lower() in said or any(re.search(rf"\b{word}", said) for word in words)
