"""What a tool returned, as a model is shown it."""

from __future__ import annotations

from typing import Any

import pytest
from IPython.display import Image as Shown

from nbchat.values.tool_results import tool_content

PNG = b"\x89PNG\r\n\x1a\nrest"


@pytest.mark.parametrize("value", [PNG, Shown(data=PNG), Shown(url="https://a.example/b.png")])
def test_what_a_notebook_would_draw_is_a_picture(value: Any) -> None:
    (block,), artifact = tool_content(value)
    assert block["type"] == "image"
    assert artifact is value


@pytest.mark.parametrize("value", [b"BM is how a bitmap begins, and a word", b"\x00\xff"])
def test_other_bytes_are_text(value: bytes) -> None:
    assert isinstance(tool_content(value)[0], str)


def test_a_picture_that_is_not_at_hand_is_its_repr() -> None:
    assert tool_content(Shown(filename="gone.png", embed=False))[0].startswith("<IPython")  # type: ignore[union-attr]
