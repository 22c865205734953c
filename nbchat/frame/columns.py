"""Outcomes as columns: compact while they come, nullable pandas dtypes at the end."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from sys import intern
from typing import TYPE_CHECKING, Any

from nbchat.frame.outcome import Outcome
from nbchat.frame.schema_columns import SchemaColumns
from nbchat.values.errors import ConfigurationError
from nbchat.values.messages import AIMessage

if TYPE_CHECKING:
    import pandas as pd

_TEXTS = ("finish_reason", "model", "error")
_COUNTS = ("input_tokens", "output_tokens", "total_tokens", "cache_read_tokens", "reasoning_tokens", "attempts")
_AMOUNTS = ("cost_usd", "latency_s")
NAMES = ("finish_reason", "model", *_COUNTS[:-1], *_AMOUNTS, "attempts", "error")
EXTRAS = ("reasoning", "mean_logprob", "message")
_NAN = math.nan


class Columns:
    """The columns of a batch's answers, by position.

    Args:
        length: how many answers there will be at most.
        schema: what takes the place of `response`, where the answers are values.
        include: further columns, of "reasoning", "mean_logprob" and "message".
    """

    def __init__(self, length: int, schema: SchemaColumns | None = None, include: str | Iterable[str] = ()) -> None:
        self.include = (include,) if isinstance(include, str) else tuple(include)
        if unknown := [name for name in self.include if name not in EXTRAS]:
            raise ConfigurationError(f"include= takes {', '.join(EXTRAS)}, not {', '.join(map(repr, unknown))}")
        self.length = length
        self.schema = schema
        answers = schema.names if schema else ("response",)
        self._texts: dict[str, list[Any]] = {name: [None] * length for name in _TEXTS}
        self._answers: dict[str, list[Any]] = {name: [None] * length for name in answers}
        self._extras: dict[str, list[Any]] = {name: [None] * length for name in self.include}
        self._numbers = {name: array("d", [_NAN]) * length for name in (*_COUNTS, *_AMOUNTS)}

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns, in order, without a prefix."""
        return (*self._answers, *NAMES, *self.include)

    def put(self, place: int, outcome: Outcome, value: Any = None, model: str | None = None) -> None:
        """Lay one outcome into its place.

        Args:
            value: the answer as a value of the schema, where there is one.
            model: its name in the column `model`, in place of the provider's own.
        """
        message = outcome.message
        if message is not None:
            self._put_message(place, message, value)
        if outcome.paid is not None and (usage := outcome.paid.usage_metadata) is not None:
            for name in _COUNTS[:-1]:
                self._numbers[name][place] = _number(getattr(usage, name))
        self._texts["error"][place] = outcome.error
        if model is not None or message is not None:
            self._texts["model"][place] = model or _interned(message)
        for name in _AMOUNTS:
            self._numbers[name][place] = _number(getattr(outcome, name))
        self._numbers["attempts"][place] = outcome.attempts

    def filled(self, place: int) -> bool:
        """Whether an outcome has been laid there."""
        return not math.isnan(self._numbers["attempts"][place])

    def _put_message(self, place: int, message: AIMessage, value: Any) -> None:
        if self.schema is None:
            self._answers["response"][place] = message.text
        elif value is not None:
            for name, cell in self.schema.cells(value).items():
                self._answers[name][place] = cell
        self._texts["finish_reason"][place] = message.finish_reason
        for name, cells in self._extras.items():
            cells[place] = _extra(name, message)

    def row(self, place: int) -> dict[str, Any]:
        """One outcome as a dict; what is not known is None."""
        out: dict[str, Any] = {name: cells[place] for name, cells in self._answers.items()}
        for name in NAMES:
            out[name] = self._texts[name][place] if name in self._texts else self._shown(name, place)
        return out | {name: cells[place] for name, cells in self._extras.items()}

    def _shown(self, name: str, place: int) -> float | int | None:
        number = self._numbers[name][place]
        if math.isnan(number):
            return None
        return int(number) if name in _COUNTS else number

    def frame(self, prefix: str = "", index: Any = None) -> pd.DataFrame:
        """All of them: string, Int64 and Float64 columns, and those of the schema."""
        import pandas as pd

        out: dict[str, Any] = {}
        for name, cells in self._answers.items():
            out[name] = self.schema.typed(name, cells) if self.schema else pd.array(cells, dtype="string")
        for name in NAMES:
            out[name] = pd.array(self._texts[name], dtype="string") if name in self._texts else self._typed(name)
        for name, cells in self._extras.items():
            dtype: Any = {"reasoning": "string", "mean_logprob": "Float64"}.get(name, object)
            out[name] = pd.array(cells, dtype=dtype)
        return pd.DataFrame({f"{prefix}{name}": cells for name, cells in out.items()}, index=index)

    def _typed(self, name: str) -> Any:
        import numpy as np
        import pandas as pd

        numbers = np.frombuffer(self._numbers[name], dtype="float64")
        masked = pd.array(numbers, dtype="Float64")
        masked[np.isnan(numbers)] = pd.NA
        return masked.astype("Int64") if name in _COUNTS else masked


def _extra(name: str, message: AIMessage) -> Any:
    if name == "reasoning":
        return message.reasoning or None
    if name == "message":
        return message
    logprobs = message.logprobs
    return logprobs.mean if logprobs else None


def _number(value: float | None) -> float:
    return _NAN if value is None else value


def _interned(message: AIMessage | None) -> str | None:
    """The provider's name of the model: one string for a million rows."""
    name = message.response_metadata.get("model_name") if message is not None else None
    return None if name is None else intern(str(name))


def check_names(names: Sequence[str], taken: Iterable[Any]) -> None:
    """Raises ConfigurationError where a column to be added is there already, or would be added twice."""
    there = [name for name in names if name in set(taken)]
    if there:
        raise ConfigurationError(
            f"the frame already has the column{'s' * (len(there) > 1)} {', '.join(map(repr, there))}: "
            "name the new ones otherwise, prefix='chat_', or drop the old ones first"
        )
    doubled = sorted({name for name in names if list(names).count(name) > 1})
    if doubled:
        raise ConfigurationError(
            f"the schema's field {doubled[0]!r} has the name of a column that every batch adds: rename the field"
        )
