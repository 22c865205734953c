"""Files that come from the page in pieces, as content blocks."""

from __future__ import annotations

from typing import Any

from nbchat.values.blocks import Block
from nbchat.values.errors import ConfigurationError
from nbchat.values.media import audio_block, file_block, image_block, sniffed, video_block

LARGEST = 20 * 2**20  # bytes
_MAKERS: dict[str, Any] = {"image": image_block, "audio": audio_block, "video": video_block}


class Uploads:
    """Pieces of files by the id that the page gave each."""

    def __init__(self) -> None:
        self._pieces: dict[str, list[bytes]] = {}

    def add(self, id: str, piece: bytes) -> None:
        """Take in the next piece of a file."""
        self._pieces.setdefault(id, []).append(bytes(piece))

    def block(self, about: dict[str, Any]) -> Block:
        """The whole file as a content block; text files as text, which every model reads.

        Args:
            about: `id`, `name` and `type` (the page's MIME type, which may be empty).

        Raises:
            ConfigurationError: it is empty, or larger than 20 MB.
        """
        data, name = b"".join(self._pieces.pop(about["id"], [])), str(about.get("name") or "file")
        if not data or len(data) > LARGEST:
            raise ConfigurationError(f"{name} has {len(data):,} bytes: attach files of 1 byte to {LARGEST >> 20} MB")
        mime = sniffed(data) or str(about.get("type") or "")
        if maker := _MAKERS.get(mime.partition("/")[0]):
            return maker(data, mime_type=mime)
        if mime != "application/pdf" and (text := _text(data)) is not None:
            return {"type": "text", "text": f"{name}:\n```\n{text}\n```"}
        return {**file_block(data, mime_type=mime or None), "name": name}


def _text(data: bytes) -> str | None:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
