"""Gemini's grounding and citation metadata as citations in the text they support. No network, no clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nbchat.values.blocks import Block
from nbchat.wire.untrusted import count_of, list_of, object_of, objects_in, text_of


def citations(metadata: Mapping[str, Any], said: Mapping[int, str]) -> Iterator[tuple[int, Block]]:
    """Yield (place of a text block, citation).

    Args:
        metadata: the candidate's `groundingMetadata` and `citationMetadata`, among others.
        said: the text of each text block, by place.
    """
    if not said:
        return
    grounding = object_of(metadata.get("groundingMetadata"))
    chunks = list_of(grounding.get("groundingChunks"))
    for support in objects_in(grounding.get("groundingSupports")):
        segment = object_of(support.get("segment"))
        place, span = _located(segment, said)
        for number in list_of(support.get("groundingChunkIndices")):
            at = count_of(number)
            if at is not None and 0 <= at < len(chunks):
                yield place, _citation(_source(chunks[at]), span, text_of(segment.get("text")))
    cited = object_of(metadata.get("citationMetadata"))
    for source in objects_in(cited.get("citations") or cited.get("citationSources")):
        place, span = _located(source, said)
        yield place, _citation(source, span, "")


def _source(chunk: Any) -> Mapping[str, Any]:
    """What a grounding chunk points at: its one member `web`, `retrievedContext`, `maps` or `image`."""
    return next((value for value in object_of(chunk).values() if isinstance(value, dict)), {})


def _citation(source: Mapping[str, Any], span: tuple[int, int] | None, cited_text: str) -> Block:
    found: Block = {"type": "citation"}
    if url := text_of(source.get("uri")):
        found["url"] = url
    if title := text_of(source.get("title")):
        found["title"] = title
    if cited_text:
        found["cited_text"] = cited_text
    if span:
        found["start_index"], found["end_index"] = span
    own = {key: value for key, value in source.items() if key not in ("uri", "title", "startIndex", "endIndex")}
    return found | ({"extras": own} if own else {})


def _located(segment: Mapping[str, Any], said: Mapping[int, str]) -> tuple[int, tuple[int, int] | None]:
    """(text block, its characters from and to) that a segment means; Gemini counts bytes of UTF-8."""
    start, end = count_of(segment.get("startIndex")) or 0, count_of(segment.get("endIndex"))
    quoted = text_of(segment.get("text"))
    first = max(said, key=lambda at: bool(said[at]))
    place = next((at for at, text in said.items() if quoted and quoted in text), first)
    if end is None or not 0 <= start <= end:
        return place, None
    data = said[place].encode()
    return place, (len(data[:start].decode("utf-8", "ignore")), len(data[:end].decode("utf-8", "ignore")))
