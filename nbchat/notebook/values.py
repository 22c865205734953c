"""How values show themselves as a cell's last line: messages, usage, logprobs, tools, conversations, models."""

from __future__ import annotations

from typing import Any

from nbchat.frame.estimate import Estimate
from nbchat.frame.progress import Progress
from nbchat.model.chat import Chat
from nbchat.model.chat_model import ChatModel
from nbchat.model.showable import shown
from nbchat.model.tools import Tool
from nbchat.notebook.render.article import article
from nbchat.notebook.render.facts import facts_html
from nbchat.notebook.render.logprobs import logprobs_html
from nbchat.notebook.render.progress import progress_html
from nbchat.notebook.transcript import said, transcript
from nbchat.notebook.view import AnswerView
from nbchat.values.logprobs import Logprobs
from nbchat.values.messages import AIMessage, Message, ToolMessage
from nbchat.values.usage import Usage


def value_html(value: Any) -> str:
    """The value as HTML, styled and safe."""
    match value:
        case AIMessage():
            view = AnswerView(str(value.response_metadata.get("model_name") or ""))
            view.add(value)
            view.finish()
            return view.html()
        case ToolMessage() | Message():
            return article([said(value)], streaming=False)
        case Chat():
            facts = {"model": getattr(value.model, "model", value.model), "tokens": f"{value.usage.total_tokens:,}"}
            return transcript(value.messages)["text/html"] + facts_html(facts)
        case Logprobs():
            return article([logprobs_html(value, f"sure-{id(value):x}")], streaming=False)
        case Usage():
            return facts_html(_flat(value))
        case Tool():
            return facts_html({"tool": value.name, "does": value.description, **_arguments(value)})
        case ChatModel():
            about = {"model": value.model, "provider": value.provider, "format": value.target.codec.name}
            return facts_html({**about, **shown(value.options)})
        case Progress():
            return progress_html(value)
        case Estimate():
            return facts_html(value.facts())
    return ""


def _flat(usage: Usage) -> dict[str, str]:
    out = {}
    for key, count in usage.items():
        inner = count.items() if isinstance(count, dict) else [("", count)]
        for name, number in inner:
            label = f"{key.removesuffix('_token_details')} {name}".strip().replace("_", " ")
            out[label] = f"{number:,}" if isinstance(number, int) else str(number)
    return out


def _arguments(tool: Tool) -> dict[str, str]:
    properties: dict[str, Any] = tool.spec.parameters.get("properties", {})
    return {name: str(about.get("description") or about.get("type") or "") for name, about in properties.items()}
