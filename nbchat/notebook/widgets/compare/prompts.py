"""The prompts of a comparison out of what is given: a text, several, or a column of a DataFrame."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from nbchat.values.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd


def prompts_of(given: Any) -> tuple[list[str], pd.Index[Any] | None]:
    """(prompts, the labels of their rows where they are a column of a DataFrame).

    Raises:
        ConfigurationError: one of them is no text, or empty; names its row.
    """
    if given is None or isinstance(given, str):
        return ([] if given is None else [_checked(given, "the prompt")]), None
    if isinstance(given, Mapping | bytes) or hasattr(given, "columns") or not isinstance(given, Iterable):
        wanted = "a text, a list of texts, or one column, as in df['question']"
        raise ConfigurationError(f"the prompts of Compare are {wanted}; not a {type(given).__name__}")
    pandas = sys.modules.get("pandas")  # where it was never imported, this cannot be one of its columns
    if pandas is not None and isinstance(given, pandas.Series):
        column = "the column" if given.name is None else f"df[{given.name!r}]"
        advice = f": leave such rows out, as in {column}.dropna(), or fill them"
        texts = [_checked(each, f"row {label!r} of {column}", advice) for label, each in given.items()]
        return texts, given.index
    return [_checked(each, f"prompt {number}") for number, each in enumerate(given)], None


def _checked(prompt: Any, what: str, advice: str = "") -> str:
    if isinstance(prompt, str) and prompt.strip():
        return str(prompt)
    problem = "empty" if isinstance(prompt, str) else f"{prompt!r:.80}, and should be a text"
    raise ConfigurationError(f"{what} is {problem}{advice}")
