"""Content blocks: the pieces a message is made of, as plain dicts with a `type`.

The cross-provider form (each a JSON object; keys not listed pass through untouched):

| type | keys |
|---|---|
| text | text, annotations? (list of citations) |
| reasoning | reasoning, extras? (`signature`, `redacted`, `encrypted_content`, …: for the provider that sent them) |
| image, audio, video, file | one of url, base64, file_id; mime_type?; name? (of a file) |
| tool_call | name, args (dict), id |
| invalid_tool_call | name, args (str), id, error |
| tool_call_chunk | name, args (str), id, index: a tool call while it streams |
| server_tool_call, server_tool_result | a tool the provider ran itself: name, args, id / tool_call_id, output, status |
| non_standard | value: a provider's own block, kept as it was |
| citation (an annotation) | url?, title?, cited_text?, start_index?, end_index?, extras? |

OpenAI's chat form (`image_url`, `input_audio`, `file`) and Anthropic's (`source`) are read as well; a block of any
other form is taken to be the provider's own and is sent as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NotRequired, TypedDict

from pydantic_core import from_json

Block = dict[str, Any]


class ToolCall(TypedDict):
    """A model's request to run a tool; `args` is what the tool takes, `id` pairs the result with the request."""

    name: str
    args: dict[str, Any]
    id: str | None
    type: NotRequired[str]


class InvalidToolCall(TypedDict):
    """A tool call whose arguments are not a JSON object; `args` is the text as it came, `error` says what is wrong."""

    name: str
    args: str
    id: str | None
    error: str
    type: NotRequired[str]


class ToolCallChunk(TypedDict):
    """A piece of a tool call: `args` is a piece of JSON text; pieces of one `index` add up.

    `name` is "" in all but the first.
    """

    name: str
    args: str | None
    id: str | None
    index: int
    type: NotRequired[str]


MEDIA = frozenset({"image", "audio", "video", "file"})
GROWING = frozenset({"text", "reasoning", "args", "base64", "transcript"})  # pieces of these are joined


def text_block(text: str) -> Block:
    """A block of plain text."""
    return {"type": "text", "text": text}


def is_media(block: Mapping[str, Any]) -> bool:
    """Whether this is a cross-provider image, audio, video or file block."""
    return block.get("type") in MEDIA and any(key in block for key in ("url", "base64", "file_id"))


def data_url(block: Mapping[str, Any]) -> str:
    """The address of a media block: its `url`, or its bytes as a `data:` URL."""
    return block.get("url") or f"data:{block.get('mime_type') or 'application/octet-stream'};base64,{block['base64']}"


def split_data_url(url: str) -> tuple[str, str] | None:
    """(mime type, base64 text) of a base64 `data:` URL; None for any other address."""
    head, comma, data = url.partition(",")
    if not (comma and head.startswith("data:") and head.endswith(";base64")):
        return None
    return head[5:-7], data


def standard_block(block: str | Mapping[str, Any]) -> Block:
    """One block in the cross-provider form; a provider's own form that is not known comes back as it is."""
    if isinstance(block, str):
        return text_block(block)
    match block:
        case {"type": "image_url", "image_url": {"url": str(address)} as image}:  # OpenAI chat
            own = {key: value for key, value in image.items() if key != "url"}
            return own | _from_address("image", address)
        case {"type": "image_url" | "input_image", "image_url": str(address)}:  # OpenAI Responses
            return _from_address("image", address)
        case {"type": "input_audio", "input_audio": {"data": data, "format": form}}:
            return {"type": "audio", "base64": data, "mime_type": f"audio/{form}"}
        case {"type": "file", "file": {"file_data": str(data), **rest}}:
            found = _from_address("file", data)
            return found | ({"name": rest["filename"]} if "filename" in rest else {})
        case {"type": "file", "file": {"file_id": file_id}}:
            return {"type": "file", "file_id": file_id}
        case {"type": "input_text" | "output_text" | "text-plain", "text": str(text)}:
            return text_block(text)
        case {"type": "file", "source_type": "text", "text": str(text)}:
            return text_block(text)
        case {"type": str(kind), "source_type": str(), **rest} if kind in MEDIA:  # an earlier cross-provider form
            return {"type": kind, **{_EARLIER.get(key, key): value for key, value in rest.items()}}
        case {"type": "file", "filename": str(name), **rest}:
            return {"type": "file", **rest, "name": name}
        case {"type": "image" | "document" as kind, "source": {"type": "base64", "data": data, **rest}}:  # Anthropic
            own = {k: v for k, v in block.items() if k not in ("type", "source")}
            return {"type": _kind(kind), "base64": data, "mime_type": rest.get("media_type")} | own
        case {"type": "image" | "document" as kind, "source": {"type": "url", "url": str(address)}}:
            return {"type": _kind(kind), "url": address} | {
                k: v for k, v in block.items() if k not in ("type", "source")
            }
    return dict(block)


_EARLIER = {"data": "base64", "id": "file_id", "filename": "name"}


def _kind(anthropic: str) -> str:
    return "file" if anthropic == "document" else anthropic


def _from_address(kind: str, address: str) -> Block:
    if inline := split_data_url(address):
        return {"type": kind, "base64": inline[1], "mime_type": inline[0]}
    return {"type": kind, "url": address}


def add_blocks(blocks: list[Block], pieces: Iterable[Block]) -> list[Block]:
    """The blocks with pieces added; a piece joins the block of its own type and index. Inputs stay unchanged."""
    out = list(blocks)
    for piece in pieces:
        for place in range(len(out) - 1, -1, -1):
            if same_block(out[place], piece):
                out[place] = joined(out[place], piece)
                break
        else:
            out.append(piece)
    return out


def same_block(block: Block, piece: Block) -> bool:
    """Whether a piece goes on with this block."""
    return block["type"] == piece["type"] and "index" in piece and block.get("index") == piece["index"]


def joined(block: Block, piece: Block) -> Block:
    """Two pieces of one block as one: text grows, lists extend, anything else is kept from the first that had it."""
    out = dict(block)
    for key, value in piece.items():
        before = out.get(key)
        if before is None or before == "":
            out[key] = value
        elif (key in GROWING and isinstance(value, str)) or (isinstance(before, list) and isinstance(value, list)):
            out[key] = before + value
        elif isinstance(before, dict) and isinstance(value, dict):
            out[key] = joined(before, value)
    return out


def finished(block: Block) -> Block:
    """A streamed block as it stands in a whole message: no index, and a tool call's arguments parsed."""
    if block["type"] == "tool_call_chunk":
        return tool_call(block.get("name") or "", block.get("args") or "", block.get("id"), extras=block.get("extras"))
    if "index" in block:
        return {key: value for key, value in block.items() if key != "index"}
    return block


def tool_call(name: str, args: str | Mapping[str, Any] | None, id: str | None, *, extras: Any = None) -> Block:
    """A `tool_call` block, or an `invalid_tool_call` where the arguments are not a JSON object."""
    more = {"extras": extras} if extras else {}
    problem = "the arguments are not a JSON object"
    parsed: Any = args
    if isinstance(args, str):
        try:
            parsed = from_json(args) if args.strip() else {}
            if isinstance(parsed, str):  # some servers encode the arguments twice
                parsed = from_json(parsed) if parsed.strip() else {}
        except (ValueError, TypeError) as error:  # TypeError: half a surrogate pair
            parsed, problem = None, f"the arguments are not JSON: {error}"
        else:
            parsed = {} if parsed is None else parsed  # `null`: no arguments
    if parsed is None and args is None:
        parsed = {}
    if isinstance(parsed, Mapping):
        return {"type": "tool_call", "name": name, "args": dict(parsed), "id": id, **more}
    text = args if isinstance(args, str) else str(args)
    return {"type": "invalid_tool_call", "name": name, "args": text, "id": id, "error": problem, **more}


def bare_call(block: Block) -> Block:
    """A tool call's own keys, as `tool_calls` shows them."""
    return {key: block[key] for key in ("name", "args", "id", "type", "extras") if key in block}


def object_args(call: Block) -> dict[str, Any]:
    """A call's arguments as the object that providers demand, also where the model wrote something else."""
    return call["args"] if isinstance(call["args"], dict) else {"not_json": call["args"]}


def growing_call(chunk: Block) -> Block:
    """A tool call as far as its arguments have come."""
    try:
        args = from_json(chunk.get("args") or "{}", allow_partial="trailing-strings")
    except (ValueError, TypeError):  # TypeError: half a surrogate pair
        args = {}
    return {
        "type": "tool_call",
        "name": chunk.get("name") or "",
        "args": args if isinstance(args, dict) else {},
        "id": chunk.get("id"),
    }
