"""What people write as the content of a message - text, blocks, pictures - read as content blocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nbchat.values.blocks import Block, standard_block, text_block
from nbchat.values.errors import ConfigurationError
from nbchat.values.media import image_block, is_picture

Content = str | Sequence[str | Mapping[str, Any]]


def read_blocks(content: Any) -> list[Block]:
    """The content as blocks; empty text is none, and a picture or an array of pixels becomes an image block.

    Raises:
        ConfigurationError: something in it is neither text, a block nor a picture.
    """
    if isinstance(content, str):
        return [text_block(_whole(content))] if content else []
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, Iterable):
        raise ConfigurationError(f"content is text or a list of blocks, not {type(content).__name__}")
    blocks = []
    for block in content:
        if not isinstance(block, str | Mapping):
            if is_picture(block) or _is_array(block):
                blocks.append(image_block(block))
                continue
            raise ConfigurationError(f"a content block is a dict with a type, or text, not {type(block).__name__}")
        read = standard_block(block)
        if isinstance(text := read.get("text"), str):
            read["text"] = _whole(text)
        if "type" not in read:  # a provider's own form (Gemini, Bedrock)
            read = {"type": "non_standard", "value": read}
        _check(read)
        blocks.append(read)
    return blocks


def _check(block: Block) -> None:
    if not isinstance(block["type"], str):
        raise ConfigurationError(f"the type of a content block is text, not {type(block['type']).__name__}")
    if block["type"] == "text" and not isinstance(block.get("text"), str):
        raise ConfigurationError(f"a text block has its text in 'text'; this one has {block.get('text')!r:.80} there")


def _whole(text: str) -> str:
    """The text, its half characters (lone surrogates), which no file or request can hold, as question marks."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text


def _is_array(thing: Any) -> bool:
    return type(thing).__module__ == "numpy" and getattr(thing, "ndim", 0) in (2, 3)
