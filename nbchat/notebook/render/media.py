"""Pictures, sound, video and files, in an answer or in a tool's result: shown where their bytes are here."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from nbchat.notebook.render.parts import Page, Part
from nbchat.notebook.render.safe import escape_attribute, escape_text, host, is_loadable_image, is_safe_link, link_html
from nbchat.values.blocks import Block, is_media
from nbchat.values.media import sniffed
from nbchat.values.quantities import size

_SHOWN = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_PLAYED = {"audio": "audio/", "video": "video/"}
LARGEST = 8 * 2**20  # bytes that go into the saved notebook


def html(part: Part, page: Page) -> str | None:
    """The picture or the player; a link for what is elsewhere; a word for what cannot be shown."""
    return media_html(part.block, page) if is_media(part.block) else None


def markdown(part: Part) -> str | None:
    """What it is, in brackets; its bytes stay in the HTML."""
    return f"*({_told(part.block)})*" if is_media(part.block) else None


def media_html(block: Block, page: Page) -> str:
    """One block as safe HTML. Nothing is loaded from elsewhere, unless its host is allowed."""
    if address := block.get("url"):
        return _elsewhere(block["type"], str(address), page)
    data = _bytes(block)
    mime = _true_type(block, data)
    label = escape_attribute(block.get("transcript") or block.get("name") or block["type"])
    if data is None or mime is None or len(data) > LARGEST:
        return f"<p>({escape_text(_told(block))})</p>"
    source = f"data:{mime};base64,{base64.b64encode(data).decode()}"
    if block["type"] == "image":
        return f'<p><img src="{source}" alt="{label}"></p>'
    return f'<p><{block["type"]} controls src="{source}" aria-label="{label}"></{block["type"]}></p>'


def _elsewhere(kind: str, address: str, page: Page) -> str:
    if kind == "image" and is_loadable_image(address, page.allow_hosts):
        return f'<p><img src="{escape_attribute(address)}" alt="{kind}"></p>'
    if not is_safe_link(address):
        return f"<p>({escape_text(kind)})</p>"
    return f"<p>{link_html(address, f'{escape_text(kind)} at {escape_text(host(address))}')}</p>"


def _bytes(block: Block) -> bytes | None:
    try:
        return base64.b64decode(block.get("base64") or "", validate=True) or None
    except (binascii.Error, ValueError, TypeError):
        return None


def _true_type(block: Block, data: bytes | None) -> str | None:
    """The type that the bytes themselves show, where this page shows such: a declared type may lie."""
    found = sniffed(data) if data else None
    if found is None:
        return None
    if block["type"] == "image":
        return found if found in _SHOWN else None
    return found if found.startswith(_PLAYED.get(block["type"], "-")) else None


def _told(block: Block) -> str:
    about: list[Any] = [block["type"], block.get("name"), block.get("mime_type"), block.get("file_id")]
    if data := block.get("base64"):
        about.append(size(len(data) * 3 // 4))
    return " · ".join(str(each) for each in about if each)
