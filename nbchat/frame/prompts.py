"""What each row asks: messages from a format string, a column, or a function, with system text, images and files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from inspect import iscoroutinefunction
from numbers import Number
from typing import TYPE_CHECKING, Any

from nbchat.frame.templates import PromptError, check_text, column, fields_of, filled, missing, present
from nbchat.values.errors import ConfigurationError
from nbchat.values.media import file_block, image_block
from nbchat.values.messages import HumanMessage, Message, SystemMessage
from nbchat.values.reading import read_messages

if TYPE_CHECKING:
    import pandas as pd

Prompt = str | Callable[[Any], Any] | Iterable[Any]


class Prompts:
    """The conversation of each row, made when it is wanted.

    Args:
        frame: the rows.
        prompt: a format string over columns; the name of a column of texts or of message lists; those themselves, one
            a row; or a function from the row (a Series) to a text or to messages.
        system: instructions: a text, a format string, or the name of a column.
        images, files: names of columns with paths, addresses, bytes, pictures, or lists of them; empty cells are none.

    Raises:
        ConfigurationError: a column that is not there, or a prompt that is the same for every row.
    """

    def __init__(
        self, frame: pd.DataFrame, prompt: Prompt, system: str | None = None, images: Any = None, files: Any = None
    ) -> None:
        media = [*_media(frame, images, image_block), *_media(frame, files, file_block)]
        instructed = isinstance(system, str) and (system in frame.columns or bool(fields_of(system)))
        self._said = _said(frame, prompt, constant=bool(media) or instructed)
        template = isinstance(prompt, str) and not _is_label(frame, prompt)
        self._check_text = check_text(frame, prompt) if template else None  # type: ignore[arg-type]
        self._no_text = _no_text(frame, prompt)
        self._system = None if system is None else _text(frame, system)
        self._media = media

    def __getitem__(self, row: int) -> list[Message]:
        """The messages of the row at this position.

        Raises:
            PromptError: a value that is needed is missing, or the prompt is empty or no text.
            ConfigurationError: an image or a file cannot be read.
        """
        said = self._said(row)
        blocks = [block for blocks_of in self._media for block in blocks_of(row)]
        if self._check_text and not blocks:
            self._check_text(row)
        if isinstance(said, str):
            if not said.strip():
                raise PromptError("the prompt is empty, so nothing was sent")
            messages: list[Message] = [HumanMessage(said)]
        elif isinstance(said, Message | dict):
            messages = read_messages(said)
        elif isinstance(said, list | tuple) or getattr(said, "ndim", 0) == 1:  # Parquet's lists come as arrays
            messages = read_messages(list(said))
        else:
            kind = "numbers" if isinstance(said, Number) else f"values of type {type(said).__name__}"
            raise PromptError(self._no_text(kind))
        if blocks:
            last = next((i for i in range(len(messages) - 1, -1, -1) if isinstance(messages[i], HumanMessage)), None)
            if last is None:
                raise ConfigurationError("there is no message of the user's to put the images or files into")
            messages[last] = HumanMessage([*messages[last].blocks, *blocks])
        if self._system is not None and (instructions := self._system(row)).strip():
            messages.insert(0, SystemMessage(instructions))
        return messages


def one_a_row(frame: pd.DataFrame, prompt: Any) -> Any:
    """Prompts that are given by themselves, as a Series with the frame's index; any other prompt as it is.

    A Series goes by its index, as it does everywhere in pandas; a list, a tuple or an array by position.

    Raises:
        ConfigurationError: they are not one a row, or in no order.
    """
    import pandas as pd

    if isinstance(prompt, str) or callable(prompt) or _is_label(frame, prompt):
        return prompt
    if isinstance(prompt, pd.Series):
        if prompt.index.equals(frame.index):
            return prompt
        if not prompt.index.is_unique or not frame.index.isin(prompt.index).all():
            raise ConfigurationError(
                "the prompts are a Series with another index than the frame's: give them as a list to go by position"
            )
        return prompt.reindex(frame.index)
    if isinstance(prompt, Mapping | Set | bytes | pd.DataFrame) or not isinstance(prompt, Iterable):
        raise ConfigurationError(f"a prompt is a format string, a column, a list or a function, not {prompt!r:.80}")
    values = list(prompt)
    if len(values) != len(frame):
        raise ConfigurationError(f"there are {len(values):,} prompts for {len(frame):,} rows: give one a row")
    return pd.Series(values, index=frame.index, dtype=object)


def _is_label(frame: pd.DataFrame, thing: Any) -> bool:
    try:
        return thing in frame.columns
    except TypeError:  # a list, or a tuple of lists: no label
        return False


def _said(frame: pd.DataFrame, prompt: Prompt, constant: bool) -> Callable[[int], Any]:
    if _is_label(frame, prompt):
        return _cells(column(frame, prompt), str(prompt))
    if isinstance(prompt, str):
        if not fields_of(prompt) and not constant:
            close = _advice(frame, prompt)
            raise ConfigurationError(
                f"the prompt {prompt!r:.80} names no column, so every row would ask the same{close}"
            )
        return filled(frame, prompt)
    if iscoroutinefunction(prompt):
        raise ConfigurationError("the prompt is a plain function of the row, no async one: it is called for each row")
    if callable(prompt):
        return lambda row: present(_called(prompt, frame.iloc[row]), "the prompt")
    return _cells(one_a_row(frame, prompt).array, "the prompt")


def _called(prompt: Callable[[Any], Any], row: Any) -> Any:
    try:
        return prompt(row)
    except Exception as error:
        raise PromptError(f"the prompt function failed: {type(error).__name__}: {error}") from error


def _no_text(frame: pd.DataFrame, prompt: Prompt) -> Callable[[str], str]:
    """What to say of prompts that are of another kind."""
    if _is_label(frame, prompt):
        return lambda kind: f"the prompt column {prompt!r} holds {kind}: use '{{{prompt}}}'"
    whose = "the prompt function gives" if callable(prompt) else "the prompts are"
    return lambda kind: f"{whose} {kind}, and no text or messages"


def _advice(frame: pd.DataFrame, prompt: str) -> str:
    if " " not in prompt.strip():
        try:
            column(frame, prompt)
        except ConfigurationError as error:
            return f": {error}"
    first = frame.columns[0] if len(frame.columns) else "column"
    return f": write one in braces, as in '{prompt:.40} {{{first}}}'"


def _cells(values: Any, name: str) -> Callable[[int], Any]:
    return lambda row: present(values[row], name)


def _text(frame: pd.DataFrame, given: Any) -> Callable[[int], str]:
    if _is_label(frame, given):
        values = column(frame, given)
        return lambda row: "" if missing(values[row]) else str(values[row])
    if not isinstance(given, str):
        raise ConfigurationError(f"system= is a text, a format string or the name of a column, not {given!r:.80}")
    return filled(frame, given)


def _media(frame: pd.DataFrame, names: Any, block: Callable[[Any], Any]) -> list[Callable[[int], list[Any]]]:
    """For each column a function from a row to its blocks."""
    if names is None:
        return []
    several = isinstance(names, list) or (isinstance(names, tuple) and names not in set(frame.columns))
    columns = [column(frame, name) for name in (names if several else [names])]

    def blocks_of(values: Any) -> Callable[[int], list[Any]]:
        def blocks(row: int) -> list[Any]:
            value = values[row]
            several = isinstance(value, list | tuple) or str(getattr(value, "dtype", "")) == "object"
            return [block(thing) for thing in (value if several else [value]) if not _none(thing)]

        return blocks

    return [blocks_of(values) for values in columns]


def _none(thing: Any) -> bool:
    return missing(thing) or (isinstance(thing, str) and not thing.strip())
