"""Images and files become content blocks, whatever they come from."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from nbchat import HumanMessage
from nbchat.values.errors import ConfigurationError
from nbchat.values.media import audio_block, file_block, image_block, sniffed


def png(width: int = 4, height: int = 3) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + b"\x10\x20\x30" * width for _ in range(height)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def opened(block: dict[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(block["base64"])))


def test_a_path_bytes_and_an_address(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    for thing in (tmp_path / "a.png", str(tmp_path / "a.png"), png(), bytearray(png())):
        block = image_block(thing)
        assert block == {"type": "image", "base64": base64.b64encode(png()).decode(), "mime_type": "image/png"}
    assert image_block("https://x.test/a.png") == {"type": "image", "url": "https://x.test/a.png"}
    assert image_block(f"data:image/png;base64,{block['base64']}") == block


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((3, 4), np.uint8),
        np.ones((3, 4, 3)) * 0.5,
        np.zeros((3, 4, 4), np.uint8),
        np.zeros((3, 4, 1), np.uint8),
        np.eye(4, dtype=bool)[:3],
        np.full((3, 4), np.nan),
    ],
)
def test_arrays_of_every_usual_kind(array: Any) -> None:
    assert opened(image_block(array)).size == (4, 3)


def test_floats_from_zero_to_one_become_shades() -> None:
    assert opened(image_block(np.full((2, 2), 0.5))).getpixel((0, 0)) == 128


def test_figures_axes_and_pil_images() -> None:
    figure = Figure(figsize=(1, 1))
    axes = figure.add_subplot()
    assert opened(image_block(figure)).format == "PNG"
    assert opened(image_block(axes)).format == "PNG"
    assert opened(image_block(Image.new("CMYK", (5, 6)))).size == (5, 6)


def test_a_large_image_is_scaled_down_and_a_small_one_is_not() -> None:
    assert opened(image_block(png(40, 20), max_pixels=200)).size == (20, 10)
    assert image_block(png(4, 3), max_pixels=200) == image_block(png(4, 3))


@pytest.mark.parametrize("thing", ["nowhere.png", b"", b"hello", object(), np.zeros((2, 2, 7)), {"type": "text"}, 3])
def test_what_is_no_image_has_a_named_error(thing: Any) -> None:
    with pytest.raises(ConfigurationError):
        image_block(thing)


def test_a_file_keeps_its_name_and_a_sound_its_type(tmp_path: Path) -> None:
    (tmp_path / "paper.pdf").write_bytes(b"%PDF-1.7 ...")
    block = file_block(tmp_path / "paper.pdf")
    assert (block["name"], block["mime_type"]) == ("paper.pdf", "application/pdf")
    assert audio_block(b"RIFF\0\0\0\0WAVEfmt ")["mime_type"] == "audio/wav"
    assert sniffed(b"\0\0\0\x18ftypmp42") == "video/mp4"


def test_a_message_takes_pictures_between_its_texts() -> None:
    figure = Figure(figsize=(1, 1))
    message = HumanMessage(["What is this?", figure, Image.new("RGB", (2, 2))])
    assert [block["type"] for block in message.content_blocks] == ["text", "image", "image"]


def test_a_message_takes_an_array_as_a_picture() -> None:
    assert HumanMessage(["What is this?", np.zeros((2, 2, 3), np.uint8)]).content_blocks[1]["type"] == "image"


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (
            {"type": "image", "source_type": "base64", "data": "AAAA", "mime_type": "image/png"},
            {"type": "image", "base64": "AAAA", "mime_type": "image/png"},
        ),
        (
            {"type": "audio", "source_type": "url", "url": "https://a.test/b.wav"},
            {"type": "audio", "url": "https://a.test/b.wav"},
        ),
        (
            {"type": "file", "source_type": "id", "id": "file-1", "filename": "a.pdf"},
            {"type": "file", "file_id": "file-1", "name": "a.pdf"},
        ),
        ({"type": "file", "source_type": "text", "text": "Hi"}, {"type": "text", "text": "Hi"}),
        ({"type": "text-plain", "text": "Hi", "mime_type": "text/plain"}, {"type": "text", "text": "Hi"}),
        (
            {"type": "file", "base64": "AAAA", "mime_type": "application/pdf", "filename": "a.pdf"},
            {"type": "file", "base64": "AAAA", "mime_type": "application/pdf", "name": "a.pdf"},
        ),
    ],
)
def test_earlier_cross_provider_forms_are_read(given: dict[str, Any], read: dict[str, Any]) -> None:
    assert HumanMessage([given]).content_blocks == [read]
