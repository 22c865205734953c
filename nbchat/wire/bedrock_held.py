"""Blocks of AWS Bedrock that make sense only whole: signatures, media, tools it ran. No network, no clock."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from pydantic_core import from_json

from nbchat.values.blocks import Block

MEDIA = {"image": "image", "video": "video", "audio": "audio", "document": "file"}  # Bedrock's names, and ours
MIME_TYPES = {
    "pdf": "application/pdf",
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "html": "text/html",
    "txt": "text/plain",
    "md": "text/markdown",
    "mp3": "audio/mpeg",
    "mov": "video/quicktime",
    "three_gp": "video/3gpp",
}


class Held:
    """A block that makes sense only when it is whole: what it began with, and the pieces since."""

    def __init__(self, kind: str, start: dict[str, Any], pieces: list[Any] | None = None) -> None:
        self.kind = kind
        self.start = start
        self.pieces = pieces if pieces is not None else []

    def block(self) -> Block:
        match self.kind:
            case "signature":
                return {"type": "reasoning", "reasoning": "", "extras": {"signature": "".join(self.pieces)}}
            case "redactedContent":
                return {"type": "reasoning", "reasoning": "", "extras": {"redacted": _join_base64(self.pieces)}}
            case "toolUse":
                return self._server_call()
            case "toolResult":
                return self._server_result()
        return self._media()

    def _server_call(self) -> Block:
        text = "".join(self.pieces)
        try:
            args: Any = from_json(text) if text else {}
        except ValueError:
            args = text
        own = {key: value for key, value in self.start.items() if key not in ("name", "toolUseId")}
        head = {"type": "server_tool_call", "name": self.start.get("name"), "args": args}
        return {**head, "id": self.start.get("toolUseId"), "extras": own}

    def _server_result(self) -> Block:
        output = [item for piece in self.pieces for item in (piece if isinstance(piece, list) else [piece])]
        own = {key: value for key, value in self.start.items() if key not in ("toolUseId", "status")}
        head = {"type": "server_tool_result", "tool_call_id": self.start.get("toolUseId"), "output": output}
        return {**head, "status": self.start.get("status") or "success", "extras": own}

    def _media(self) -> Block:
        pieces = [piece for piece in self.pieces if isinstance(piece, dict)]
        sources = [piece["source"] for piece in pieces if isinstance(piece.get("source"), dict)]
        form = str(self.start.get("format"))
        kind = MEDIA[self.kind]
        family = "application" if kind == "file" else kind
        block: Block = {key: value for key, value in self.start.items() if key != "format"}
        block |= {"type": kind, "mime_type": MIME_TYPES.get(form, f"{family}/{form}")}
        data = [source["bytes"] for source in sources if isinstance(source.get("bytes"), str)]
        if data and len(data) == len(self.pieces):
            return block | {"base64": _join_base64(data)}
        match sources:
            case [{"s3Location": {"uri": str(address), **rest}, **more}] if not (rest or more):
                return block | {"url": address}
        came = pieces[0] if len(self.pieces) == len(pieces) == 1 else {"pieces": self.pieces}
        return {"type": "non_standard", "value": {self.kind: {**self.start, **came}}}


def _join_base64(pieces: list[str]) -> str:
    """Pieces that were each encoded on their own, as one."""
    if len(pieces) == 1:
        return pieces[0]
    try:
        return base64.b64encode(b"".join(base64.b64decode(piece) for piece in pieces)).decode()
    except binascii.Error:
        return "".join(pieces)
