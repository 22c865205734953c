"""The sources of an answer, numbered below it; a source named twice is listed once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbchat.notebook.render.parts import Part
from nbchat.notebook.render.safe import escape_text, host, is_safe_link, link_html


def sources_html(part: Part) -> str:
    """An ordered list of links; empty where nothing is cited."""
    items = "".join(f"<li>{_link(source)}{_quoted(source)}</li>" for source in _sources(part))
    return f'<ol class="sources" aria-label="Sources">{items}</ol>' if items else ""


def sources_markdown(part: Part) -> str:
    """The same as Markdown."""
    lines = []
    for number, source in enumerate(_sources(part), 1):
        title, url = _title(source).replace("[", "(").replace("]", ")"), str(source.get("url") or "")
        lines.append(f"{number}. [{title}](<{url}>)" if is_safe_link(url) else f"{number}. {title}")
    return "\n".join(lines)


def _sources(part: Part) -> list[Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for annotation in part.block.get("annotations") or ():
        if isinstance(annotation, Mapping):
            found.setdefault(str(annotation.get("url") or annotation.get("title") or annotation), annotation)
    return list(found.values())


def _title(source: Mapping[str, Any]) -> str:
    url = str(source.get("url") or "")
    return str(source.get("title") or (host(url) if is_safe_link(url) else "") or "source")


def _link(source: Mapping[str, Any]) -> str:
    url, title = str(source.get("url") or ""), escape_text(_title(source))
    if not is_safe_link(url):
        return title
    return f"{link_html(url, title)} {escape_text(host(url))}"


def _quoted(source: Mapping[str, Any]) -> str:
    words = str(source.get("cited_text") or "").strip()
    shown = words if len(words) <= 160 else words[:159] + "…"
    return f" “{escape_text(shown)}”" if shown else ""
