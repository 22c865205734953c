"""Images, audio, video and files as content blocks: from a path, bytes, an address, or what a notebook draws."""

from __future__ import annotations

import base64
import io
import math
import mimetypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbchat.values.blocks import Block, is_media, split_data_url, standard_block
from nbchat.values.errors import ConfigurationError

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"%PDF-", "application/pdf"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"\x1aE\xdf\xa3", "video/webm"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}


def image_block(thing: Any, *, max_pixels: int | None = None, mime_type: str | None = None) -> Block:
    """An image block.

    Args:
        thing: a path, bytes, an http(s) or `data:` address, a PIL image, a matplotlib figure or axes, a numpy array
            (height × width, or × 1, 3 or 4 channels; uint8, bool, or floats from 0 to 1), an `IPython.display.Image`,
            or an image block.
        max_pixels: the largest width × height; a larger image is scaled down (needs Pillow).
        mime_type: where it cannot be told from the bytes or the name.

    Raises:
        ConfigurationError: there is no such file, or it is no image.
    """
    block = _block("image", thing, mime_type)
    return block if max_pixels is None or "base64" not in block else _scaled(block, max_pixels)


def audio_block(thing: Any, *, mime_type: str | None = None) -> Block:
    """An audio block from a path, bytes, an address, or an `IPython.display.Audio`."""
    return _block("audio", thing, mime_type)


def video_block(thing: Any, *, mime_type: str | None = None) -> Block:
    """A video block from a path, bytes or an address."""
    return _block("video", thing, mime_type)


def file_block(thing: Any, *, mime_type: str | None = None) -> Block:
    """A file block (a PDF, say) from a path, bytes or an address; a path's own name is kept."""
    return _block("file", thing, mime_type)


def is_picture(thing: Any) -> bool:
    """Whether a notebook draws this: a PIL image, a matplotlib figure or axes, an `IPython.display.Image`."""
    match type(thing).__module__.partition(".")[0]:
        case "PIL":
            return hasattr(thing, "save")
        case "matplotlib" | "seaborn":
            return hasattr(getattr(thing, "figure", thing), "savefig")
        case "IPython":
            return type(thing).__name__ == "Image" and _displayed(thing) is not None
    return False


def _block(kind: str, thing: Any, mime_type: str | None) -> Block:
    if isinstance(thing, dict):
        block = standard_block(thing)
        if block.get("type") == kind and is_media(block):
            return block
        raise ConfigurationError(f"this dict is no {kind} block: it needs type, and url, base64 or file_id")
    if isinstance(thing, str) and "://" in thing[:12]:
        return {"type": kind, "url": thing}
    if isinstance(thing, str) and (inline := split_data_url(thing)):
        return {"type": kind, "base64": inline[1], "mime_type": mime_type or inline[0]}
    if isinstance(thing, str | Path):
        return _from_path(kind, Path(thing).expanduser(), mime_type)
    if isinstance(thing, bytes | bytearray | memoryview):
        return _from_bytes(kind, bytes(thing), mime_type)
    drawn = _drawn(thing) if kind == "image" else _displayed(thing)
    if drawn is None:
        raise ConfigurationError(
            f"a value of type {type(thing).__name__} cannot become {kind} content: give a path, bytes or an address"
        )
    return drawn if isinstance(drawn, dict) else _from_bytes(kind, drawn, mime_type)


def _from_path(kind: str, path: Path, mime_type: str | None) -> Block:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"the {kind} {str(path)!r} cannot be read: {error.strerror or error}; is the path right?"
        ) from None
    block = _from_bytes(kind, data, mime_type or sniffed(data) or mimetypes.guess_type(path.name)[0], str(path))
    return {**block, "name": path.name} if kind == "file" else block


def _from_bytes(kind: str, data: bytes, mime_type: str | None, name: str = "") -> Block:
    mime = mime_type or sniffed(data)
    if not data:
        raise ConfigurationError(f"the {kind} {name!r} is empty")
    if mime is None and kind != "file":
        raise ConfigurationError(f"{name or 'these bytes'}: what kind of {kind} is it? Say so with mime_type=")
    if mime is not None and kind != "file" and mime.partition("/")[0] not in (kind, "application"):
        raise ConfigurationError(f"{name or 'this'} is {mime}, no {kind}")
    return {
        "type": kind,
        "base64": base64.b64encode(data).decode(),
        "mime_type": mime or "application/octet-stream",
    }


def sniffed(data: bytes) -> str | None:
    """The MIME type that the first bytes show; None where they do not."""
    if data[:4] == b"RIFF":
        return _RIFF.get(data[8:12])
    if data[4:8] == b"ftyp":
        return "image/avif" if data[8:12] in (b"avif", b"avis") else "video/mp4"
    return next((mime for start, mime in _SIGNATURES if data.startswith(start)), None)


def _drawn(thing: Any) -> bytes | Block | None:
    """PNG bytes of a picture, whatever drew it."""
    figure = getattr(thing, "figure", None) or thing  # axes know their figure
    if hasattr(figure, "savefig"):
        return _png(lambda out: figure.savefig(out, format="png", bbox_inches="tight"))
    if type(thing).__module__.startswith("PIL"):
        return _png(lambda out: _plain(thing).save(out, format="PNG"))
    if type(thing).__module__.startswith("numpy") and hasattr(thing, "dtype"):
        picture = _pillow().fromarray(_pixels(thing))
        return _png(lambda out: picture.save(out, format="PNG"))
    return _displayed(thing)


def _displayed(thing: Any) -> bytes | Block | None:
    """The data of an `IPython.display.Image` or `Audio`."""
    if not type(thing).__module__.startswith("IPython"):
        return None
    data = getattr(thing, "data", None)
    if data is None and getattr(thing, "url", None):
        return {"type": type(thing).__name__.lower(), "url": thing.url}
    return data if isinstance(data, bytes) else None


def _plain(image: Any) -> Any:
    return image if image.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16") else image.convert("RGB")


def _png(save: Callable[[io.BytesIO], Any]) -> bytes:
    out = io.BytesIO()
    save(out)
    return out.getvalue()


def _pixels(array: Any) -> Any:
    """A numpy array as Pillow takes it: uint8, height × width × channels."""
    import numpy as np

    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or 0 in array.shape:
        raise ConfigurationError(
            f"an image array is height × width, or × 1, 3 or 4 channels; this one has the shape {array.shape}"
        )
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * 255
    if np.issubdtype(array.dtype, np.floating):
        return (np.nan_to_num(array).clip(0, 1) * 255).round().astype(np.uint8)
    return array.clip(0, 255).astype(np.uint8)


def _scaled(block: Block, max_pixels: int) -> Block:
    if max_pixels < 1:
        raise ConfigurationError(f"max_pixels is a number of at least 1, not {max_pixels}")
    image = _pillow().open(io.BytesIO(base64.b64decode(block["base64"])))
    if image.width * image.height <= max_pixels:
        return block
    share = math.sqrt(max_pixels / (image.width * image.height))
    image.thumbnail((max(1, int(image.width * share)), max(1, int(image.height * share))))
    kept = "JPEG" if block["mime_type"] == "image/jpeg" else "PNG"
    data = _png(lambda out: _plain(image).save(out, format=kept))
    return {**block, "base64": base64.b64encode(data).decode(), "mime_type": f"image/{kept.lower()}"}


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError:
        raise ConfigurationError("this needs Pillow: pip install pillow") from None
    return Image
