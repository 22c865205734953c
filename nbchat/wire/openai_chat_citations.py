"""Citations of a chat completion: annotations of the message, or a list of sources beside it. No network, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbchat.values.blocks import Block
from nbchat.wire.untrusted import list_of, object_of, objects_in, text_of

_KNOWN = ("url", "title", "start_index", "end_index")
_BESIDE = ("search_results", "web_search", "citations")  # Perplexity's, Z.ai's, xAI's


def cited(annotations: Any) -> list[Block]:
    """A message's `annotations` as citations where they are (`url_citation`); others stay as they are."""
    return [_read(annotation) for annotation in objects_in(annotations)]


def _read(annotation: dict[str, Any]) -> Block:
    kind = text_of(annotation.get("type"))
    inside = annotation.get(kind)
    return _of(inside) if kind.endswith("citation") and isinstance(inside, dict) else annotation


def citations_beside(answer: Mapping[str, Any]) -> list[Block]:
    """The sources that stand beside the choices: objects or addresses, which the text numbers from 1."""
    listed = next((found for key in _BESIDE if (found := list_of(answer.get(key)))), [])
    sources = ({"url": source} if isinstance(source, str) else object_of(source) for source in listed)
    return [_of(source) for source in sources if source]


def _of(source: Mapping[str, Any]) -> Block:
    known = {key: source[key] for key in _KNOWN if source.get(key) is not None}
    if "url" not in known and (link := source.get("link")):
        known["url"] = link
    extras = {key: value for key, value in source.items() if key not in (*known, "link") and value is not None}
    return {"type": "citation", **known, **({"extras": extras} if extras else {})}
