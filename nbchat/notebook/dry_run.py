"""What a cell would send, how many tokens that is about, and what it would cost at most. Nothing is sent."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json

from nbchat.model.chat_model import ChatModel
from nbchat.model.prices import cost_usd
from nbchat.notebook.render.article import article
from nbchat.notebook.render.footer import Facts, footer_html, footer_text
from nbchat.notebook.render.safe import escape_text
from nbchat.values.messages import Message
from nbchat.values.usage import Usage

CHARS_PER_TOKEN = 4
_LONGEST = 200  # characters of a picture's bytes


def preview(model: ChatModel, messages: list[Message], options: dict[str, Any]) -> dict[str, str]:
    """A mime bundle of the very body that would be sent; pictures shortened."""
    call = model.call(messages, stream=True, **options)
    body = model.target.codec.request(call).body
    shown = to_json(_shortened(body), indent=2, fallback=str).decode()
    tokens = len(to_json(body.get("messages", body), fallback=str)) // CHARS_PER_TOKEN
    answer = call.options.get("max_tokens")
    usage = Usage.of(tokens, answer if isinstance(answer, int) else 0)
    note = "dry run: nothing was sent"
    facts: Facts = {"input_tokens": tokens, "cost_usd": cost_usd(usage, model.model, model.provider), "note": note}
    about = f"{model.provider}:{model.model} (estimated)"
    html = f"<pre>{escape_text(shown)}</pre>{footer_html(about, **facts)}"
    return {
        "text/html": article([html], streaming=False),
        "text/markdown": f"```json\n{shown}\n```\n\n<sub>{footer_text(about, **facts)}</sub>",
        "text/plain": f"{shown}\n{footer_text(about, **facts)}",
    }


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_shortened(inner) for inner in value]
    if isinstance(value, str) and len(value) > 4000 and " " not in value[:_LONGEST]:
        return f"{value[:_LONGEST]}… ({len(value):,} characters)"
    return value
