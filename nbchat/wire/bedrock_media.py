"""Images, documents, video and audio as AWS Bedrock takes them. No network, no clock."""

from __future__ import annotations

import re
from typing import Any

from nbchat.values.blocks import Block
from nbchat.values.errors import UnsupportedError
from nbchat.wire.bedrock_held import MEDIA, MIME_TYPES

_BEDROCK_NAME = {ours: theirs for theirs, ours in MEDIA.items()}
_FORMAT = {mime: form for form, mime in MIME_TYPES.items()} | {
    "image/jpg": "jpeg",
    "text/x-markdown": "md",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "video/x-matroska": "mkv",
    "video/x-flv": "flv",
    "video/x-ms-wmv": "wmv",
}
_USUAL = {"image": "png", "document": "pdf", "video": "mp4", "audio": "wav"}


def media_block(block: Block) -> dict[str, Any]:
    """A media block in Bedrock's form: bytes as base64, or an object in S3 by its address.

    Raises:
        UnsupportedError: the block is given by `file_id`, or by an address that is not `s3://`.
    """
    kind = _BEDROCK_NAME[block["type"]]
    out: dict[str, Any] = {"format": _format(block, kind), "source": _source(block)}
    if kind == "document":
        out["name"] = _document_name(block)
        out |= {key: block[key] for key in ("context", "citations") if key in block}
    return {kind: out}


def _source(block: Block) -> dict[str, Any]:
    if "base64" in block:
        return {"bytes": block["base64"]}
    address = block.get("url") or ""
    if address.startswith("s3://"):
        return {"s3Location": {"uri": address}}
    how = "file_id" if "file_id" in block else "url"
    raise UnsupportedError(
        f"BedrockConverse takes {block['type']} as bytes or from s3://, not by {how}: read it and give it as base64"
    )


def _format(block: Block, kind: str) -> str:
    mime = (block.get("mime_type") or "").partition(";")[0].strip().lower()
    if mime:
        return _FORMAT.get(mime) or mime.rpartition("/")[2]
    ending = (block.get("name") or block.get("url") or "").rpartition(".")[2].lower()
    known = ending if ending.isalnum() and len(ending) <= 4 else ""
    return {"jpg": "jpeg", "htm": "html", "3gp": "three_gp"}.get(known, known) or _USUAL[kind]


def _document_name(block: Block) -> str:
    """Bedrock takes letters, digits, single spaces, hyphens, parentheses and square brackets, and no file ending."""
    stem = (block.get("name") or block.get("title") or "").rpartition(".")
    name = re.sub(r"[^\w\s()\[\]-]|_", " ", stem[0] or stem[2])
    return " ".join(name.split())[:180] or "Document"
