"""Format strings over the columns of a DataFrame: `"Classify the tone of: {review}"`."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from string import Formatter
from typing import TYPE_CHECKING, Any

from nbchat.values.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd


class PromptError(ConfigurationError):
    """A row lacks a value that its prompt needs, or has no text there; nothing is sent for it."""


def fields_of(template: str) -> list[str]:
    """The names in braces, in order.

    Raises:
        ConfigurationError: a brace without its partner.
    """
    try:
        return [field for _, field, _, _ in Formatter().parse(template) if field is not None]
    except ValueError as error:
        raise ConfigurationError(
            f"the prompt {template!r:.80} is no format string: {error}; write {{{{ and }}}} for braces that are text"
        ) from None


def column(frame: pd.DataFrame, name: Any) -> Any:
    """The values of a column, or of a level of the index, by name. A column may be named by the text of its label.

    Raises:
        ConfigurationError: there is none of that name, or there are two; names those that are alike.
    """
    labels = {str(label): label for label in frame.columns}
    if name in frame.columns or str(name) in labels:
        found: Any = frame[name if name in frame.columns else labels[str(name)]]
        if found.ndim > 1 and found.shape[1] == 1:  # the one column under a label of a MultiIndex
            found = found.iloc[:, 0]
        if found.ndim > 1:
            raise ConfigurationError(f"the frame has {found.shape[1]} columns {name!r}: rename all but one of them")
        return found.array
    if name in frame.index.names:
        return frame.index.get_level_values(name).array
    near = get_close_matches(str(name), labels, n=3, cutoff=0.5) or list(labels)[:10]
    raise ConfigurationError(f"the frame has no column {name!r}; it has {', '.join(map(repr, near)) or 'none'}")


def filled(frame: pd.DataFrame, template: str) -> Callable[[int], str]:
    """A function from a row's position to the text of the template for that row.

    Only `{column}`, `{column:format}` and `{column!r}` are names; braces in the data are data. The function raises
    `PromptError` where a value is missing (None, NaN, NaT).

    Raises:
        ConfigurationError: a field is no column, or has no name.
    """
    convert, parts = Formatter().convert_field, _parts(frame, template)

    def text_of(row: int) -> str:
        out = []
        for text, values, field, form, conversion in parts:
            out.append(text)
            if values is not None:
                value = present(values[row], field)
                try:
                    out.append(format(convert(value, conversion), form))
                except (ValueError, TypeError) as error:
                    raise PromptError(f"{field} is {value!r:.60}, which {{:{form}}} does not fit: {error}") from None
        return "".join(out)

    return text_of


def check_text(frame: pd.DataFrame, template: str) -> Callable[[int], None]:
    """A function of a row's position that raises `PromptError` where all that the template takes from it is blank.

    Raises:
        ConfigurationError: as in `filled`.
    """
    taken = {field: values for _, values, field, _, _ in _parts(frame, template) if values is not None}

    def check(row: int) -> None:
        if taken and all(isinstance(values[row], str) and not values[row].strip() for values in taken.values()):
            verb = "is" if len(taken) == 1 else "are"
            raise PromptError(f"{' and '.join(taken)} {verb} empty, so nothing was sent")

    return check


def _parts(frame: pd.DataFrame, template: str) -> list[tuple[str, Any, str, str, str | None]]:
    """Of each piece of a template: the text, then the values of a column, its name, format and conversion."""
    parts: list[tuple[str, Any, str, str, str | None]] = []
    fields_of(template)
    labels = {str(label) for label in frame.columns}
    for text, field, form, conversion in Formatter().parse(template):
        if field == "":
            raise ConfigurationError(f"the prompt {template!r:.80} has {{}} without the name of a column in it")
        if form and f"{field}:{form}" in labels:  # a survey's "Q1: how was it?" is a name, and no format
            field, form = f"{field}:{form}", ""
        if "{" in (form or ""):
            raise ConfigurationError(f"the prompt {template!r:.80} has braces inside a format, {form!r}: write it out")
        values = None if field is None else column(frame, field)
        parts.append((text, values, field or "", form or "", conversion))
    return parts


def present(value: Any, name: str) -> Any:
    """A cell's value; raises `PromptError` where it is missing."""
    if missing(value):
        shown = "NaN" if isinstance(value, float) else repr(value)
        raise PromptError(f"{name} is missing ({shown}), so nothing was sent")
    return value


def missing(value: Any) -> bool:
    """Whether a cell is None, NaN, NaT or NA."""
    if isinstance(value, str):
        return False
    if value is None:
        return True
    import pandas as pd

    return pd.api.types.is_scalar(value) and bool(pd.isna(value))
