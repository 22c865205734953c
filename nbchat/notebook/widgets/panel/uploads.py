"""Files that come from the page in pieces, as content blocks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nbchat.notebook.text_file import text_file_block
from nbchat.values.blocks import Block
from nbchat.values.errors import ConfigurationError
from nbchat.values.media import audio_block, file_block, image_block, sniffed, video_block

LARGEST = 20 * 2**20  # bytes
_MAKERS: dict[str, Any] = {"image": image_block, "audio": audio_block, "video": video_block}


class Uploads:
    """Pieces of files by the id that the page gave each."""

    def __init__(self) -> None:
        self._files: dict[str, bytearray] = {}

    def add(self, id: str, piece: bytes) -> None:
        """Take in the next piece of a file; one that is too large is kept only as far as it takes to tell."""
        data = self._files.setdefault(str(id), bytearray())
        data += piece[: LARGEST + 1 - len(data)]

    def blocks(self, files: Iterable[dict[str, Any]]) -> list[Block]:
        """Whole files as content blocks, text files as text. Whatever else has come is forgotten.

        Args:
            files: of each `id`, `name` and `type` (the page's MIME type, which may be empty).

        Raises:
            ConfigurationError: one is empty, or larger than 20 MB.
        """
        come, self._files = self._files, {}
        return [_block(bytes(come.get(str(about["id"]), b"")), about) for about in files]


def _block(data: bytes, about: dict[str, Any]) -> Block:
    name = str(about.get("name") or "file")
    if not data:
        raise ConfigurationError(f"{name} is empty, or did not come: attach it again")
    if len(data) > LARGEST:
        raise ConfigurationError(f"{name} is larger than {LARGEST >> 20} MB: attach a smaller one, or a part of it")
    mime = sniffed(data) or str(about.get("type") or "")
    maker = _MAKERS.get(mime.partition("/")[0])
    if maker is not None and mime != "image/svg+xml":  # which is text to a model
        return maker(data, mime_type=mime)
    if mime != "application/pdf" and (text := _text(data, mime)) is not None:
        return text_file_block(name, text)
    return {**file_block(data, mime_type=mime or None), "name": name}


def _text(data: bytes, mime: str) -> str | None:
    encodings = ["utf-16"] if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ["utf-8-sig"]
    if mime.startswith("text/"):
        encodings.append("cp1252")
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return None if "\0" in text else text
    return None
