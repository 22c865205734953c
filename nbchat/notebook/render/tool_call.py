"""A tool call: its name, its arguments as they stream, how it went, and its result, folded."""

from __future__ import annotations

from typing import Any

from nbchat.notebook.render.frame import frame_html
from nbchat.notebook.render.media import media_html
from nbchat.notebook.render.parts import Page, Part
from nbchat.notebook.render.safe import escape_text
from nbchat.values.blocks import growing_call, is_media
from nbchat.values.quantities import duration

CALL_KINDS = ("tool_call", "tool_call_chunk", "invalid_tool_call")


def html(part: Part, page: Page) -> str | None:
    """The call on one line; its result below, folded where it is long."""
    if part.kind not in CALL_KINDS:
        return None
    head = f"<b>{escape_text(part.block.get('name') or '…')}</b>({escape_text(_arguments(part))}) {_outcome(part)}"
    result = _result(part)
    drawn = _drawn(part, page)
    if drawn:
        return f"<details open><summary>{head}</summary>{drawn}</details>"
    if not result:
        return f'<div class="call">{head}</div>'
    unfolded = " open" if len(result) <= 300 and result.count("\n") < 4 else ""
    return f"<details{unfolded}><summary>{head}</summary><pre>{escape_text(result)}</pre></details>"


def _drawn(part: Part, page: Page) -> str:
    """A DataFrame or a picture that the tool gave, shown as itself."""
    if part.result is None:
        return ""
    itself = part.result.artifact
    if type(itself).__module__.startswith("pandas") and hasattr(itself, "itertuples"):
        return frame_html(itself)
    pictures = [block for block in part.result.content_blocks if is_media(block)]
    return "".join(media_html(block, page) for block in pictures)


def markdown(part: Part) -> str | None:
    """The call as code, its result as a quotation."""
    if part.kind not in CALL_KINDS:
        return None
    lines = [f"`{part.block.get('name')}({_arguments(part)})`".replace("\n", " ")]
    lines += [f"> {line}" for line in _result(part).splitlines()]
    return "\n".join(lines)


def _arguments(part: Part) -> str:
    match part.block:
        case {"type": "invalid_tool_call", "args": args}:
            return str(args)
        case {"type": "tool_call", "args": args}:
            return _listed(args)
    return _listed(growing_call(part.block)["args"])


def _listed(args: dict[str, Any], width: int = 200) -> str:
    text = ", ".join(f"{name}={value!r}" for name, value in args.items())
    return text if len(text) <= width else text[: width - 1] + "…"


def _outcome(part: Part) -> str:
    took = f" {duration(part.seconds)}" if part.seconds is not None else ""
    if part.kind == "invalid_tool_call":
        return f'<span class="bad">✗ {escape_text(part.block.get("error"))}</span>'
    if part.state == "failed":
        return f'<span class="bad">✗ failed{took}</span>'
    if part.state == "done" and part.result is not None:
        return f'<span class="ok">✓{took}</span>'
    return "<span>… running</span>" if part.state == "running" else ""


def _result(part: Part) -> str:
    return part.result.text.strip() if part.result is not None else ""
