"""A Gemini function call whose arguments come in pieces (`partialArgs`), put together. No network, no clock."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nbchat.wire.untrusted import objects_in, text_of

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
_VALUES = ("stringValue", "numberValue", "boolValue")


class PartialCall:
    """One growing call: `name` and `args` as far as they have come, and whatever else its first part had."""

    def __init__(self, part: Mapping[str, Any]) -> None:
        self.part = dict(part)
        self.args: dict[str, Any] = {}

    def add(self, pieces: Any) -> None:
        """Put `[{"jsonPath": "$.city", "stringValue": "Par", "willContinue": true}, …]` in its place."""
        for piece in objects_in(pieces):
            steps = ["".join(groups) for groups in _STEP.findall(text_of(piece.get("jsonPath")))]
            if steps:
                _put(self.args, steps, next((piece[key] for key in _VALUES if key in piece), None))

    def whole(self) -> dict[str, Any]:
        """The part as it would have come at once."""
        call = {**self.part["functionCall"], "args": self.args}
        return self.part | {"functionCall": {key: call[key] for key in call.keys() - {"willContinue", "partialArgs"}}}


def _put(target: Any, steps: list[str], value: Any) -> None:
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        key: Any = step
        if isinstance(target, list):
            if not step.isdigit() or int(step) > len(target):
                return  # a place that the list cannot have yet
            key = int(step)
            if key == len(target):
                target.append(None)
        elif not isinstance(target, dict):
            return
        before = target[key] if isinstance(target, list) else target.get(key)
        if following is None:
            grows = isinstance(before, str) and isinstance(value, str)
            target[key] = before + value if grows else value
        elif before is None:
            target[key] = [] if following.isdigit() else {}
        target = target[key]
