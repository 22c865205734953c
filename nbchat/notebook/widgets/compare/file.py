"""A comparison as a JSON file: prompts, answers, votes and notes. Never a key."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field, NonNegativeInt, StrictStr, ValidationError

from nbchat.model.chat_file import model_fields, named_model, write_json
from nbchat.model.chat_model import ChatModel
from nbchat.notebook.widgets.compare.answer import Answer
from nbchat.notebook.widgets.compare.contest import FEWEST, MOST, Contest
from nbchat.notebook.widgets.compare.contestants import Contestant, answerer_of
from nbchat.values.errors import ConfigurationError
from nbchat.values.messages import AIMessage
from nbchat.values.reading import message_from_dict

if TYPE_CHECKING:
    import pandas as pd

VERSION = 1


class _Model(BaseModel):
    label: StrictStr
    model: dict[str, Any] | None  # None for one that has no plain name
    left_out: list[StrictStr]  # its options that are not written down: they may hold a key
    system: StrictStr | None


class _Answer(BaseModel):
    prompt: NonNegativeInt
    contestant: NonNegativeInt
    error: StrictStr | None
    message: dict[str, Any] | None


class _Index(BaseModel):
    """Labels of a DataFrame's rows: each level's values, as JSON has them, with the dtype that they are to have."""

    names: list[Any]
    dtypes: list[StrictStr]
    levels: list[list[Any]]


class _File(BaseModel):
    format: Literal["nbchat.compare"] = "nbchat.compare"
    version: int = VERSION
    blind: bool
    seed: int
    models: Annotated[list[_Model], Field(min_length=FEWEST, max_length=MOST)]
    prompts: list[Annotated[StrictStr, Field(pattern=r"\S")]]
    index: _Index | None
    answers: list[_Answer]
    revealed: list[NonNegativeInt]
    votes: list[tuple[NonNegativeInt, NonNegativeInt | Literal["tie"]]]
    notes: list[tuple[NonNegativeInt, StrictStr]]


def write_contest(contest: Contest, path: str | os.PathLike[str]) -> None:
    """Write the file whole or not at all; an answer that is still being written is left out."""
    answers = [
        _Answer(prompt=p, contestant=c, error=a.error, message=a.message.to_dict() if a.message else None)
        for (p, c), a in contest.answers.items()
        if a.over
    ]
    whole = _File(
        blind=contest.blind,
        seed=contest.seed,
        models=[_model(each) for each in contest.contestants],
        prompts=contest.prompts,
        index=None if contest.index is None else _index(contest.index),
        answers=answers,
        revealed=sorted(contest.revealed),
        votes=list(contest.votes.items()),  # type: ignore[arg-type]  # a str there is "tie"
        notes=list(contest.notes.items()),
    )
    write_json(Path(path).expanduser(), whole.model_dump())


def _model(contestant: Contestant) -> _Model:
    model = contestant.model
    fields = model_fields(model)
    options = set(model.options) if isinstance(model, ChatModel) else set()
    left_out = sorted(options - set((fields or {}).get("options", {})))
    return _Model(label=contestant.label, model=fields, left_out=left_out, system=contestant.system)


def _index(index: pd.Index[Any]) -> _Index:
    levels = [index.get_level_values(number) for number in range(index.nlevels)]
    values = [[v if isinstance(v, str | int | float | None) else str(v) for v in level.tolist()] for level in levels]
    return _Index(names=list(index.names), dtypes=[str(level.dtype) for level in levels], levels=values)


def read_contest(path: str | os.PathLike[str], contestants: list[Contestant] | None) -> Contest:
    """The comparison in a file; its models by their names, unless they are given again, in its order.

    Raises:
        ConfigurationError: it is no such file, or a model has to be given again.
    """
    source = Path(path).expanduser()
    try:
        whole = _File.model_validate(json.loads(source.read_bytes()))
    except OSError as error:
        raise ConfigurationError(f"{source} cannot be read: {error.strerror or error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise _no_comparison(source, f"{where}: {first['msg']}" if where else first["msg"]) from None
    except ValueError as error:
        raise _no_comparison(source, str(error)) from None
    if whole.version != VERSION:
        raise ConfigurationError(f"{source} is of version {whole.version}, this nbchat reads {VERSION}: update nbchat")
    if contestants is None:
        found = [_contestant(each, source) for each in whole.models]
    elif len(contestants) == len(whole.models):
        pairs = zip(whole.models, contestants, strict=True)
        found = [Contestant(saved.label, given.answerer, given.system or saved.system) for saved, given in pairs]
    else:
        raise ConfigurationError(f"{source} compares {len(whole.models)} models, and {len(contestants)} are given")
    try:
        return _contest(whole, found)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise _no_comparison(source, str(error)) from None


def _no_comparison(source: Path, why: str) -> ConfigurationError:
    return ConfigurationError(f"{source} is not a comparison saved by nbchat: {why}")


def _contest(whole: _File, contestants: list[Contestant]) -> Contest:
    contest = Contest(contestants, whole.prompts, blind=whole.blind, seed=whole.seed)
    contest.index = None if whole.index is None else _read_index(whole.index, len(whole.prompts))
    prompts, models = range(len(whole.prompts)), (*range(len(contestants)), "tie")
    for each in whole.answers:
        contest.answers[_among(prompts, each.prompt), _among(models, each.contestant)] = _answer(each)
    contest.votes = {_among(prompts, prompt): _among(models, vote) for prompt, vote in whole.votes}
    contest.notes = {_among(prompts, prompt): note for prompt, note in whole.notes}
    contest.revealed = {_among(prompts, prompt) for prompt in whole.revealed}
    return contest


def _among(known: Any, number: Any) -> Any:
    if number not in known:
        raise ValueError(f"{number} is none of its prompts or models")
    return number


def _read_index(saved: _Index, most: int) -> pd.Index[Any]:
    import pandas as pd

    levels = [pd.Index(v, dtype=object).astype(t) for v, t in zip(saved.levels, saved.dtypes, strict=True)]
    index = (
        levels[0].rename(saved.names[0]) if len(levels) == 1 else pd.MultiIndex.from_arrays(levels, names=saved.names)
    )
    if len(index) > most:
        raise ValueError("it has more rows than prompts")
    return index


def _contestant(saved: _Model, path: Path) -> Contestant:
    again = f"give the models again, Compare.load({str(path)!r}, models)"
    if saved.left_out:
        names = ", ".join(saved.left_out)
        raise ConfigurationError(f"{path} was saved without the options {names} of {saved.label}: {again}")
    try:
        name, options = named_model(saved.model, path)
    except ConfigurationError as error:
        raise ConfigurationError(str(error).partition(": give it again")[0] + f": {again}") from None
    return Contestant(saved.label, answerer_of(name, options), saved.system)


def _answer(saved: _Answer) -> Answer:
    message = message_from_dict(saved.message) if saved.message else None
    if message is not None and not isinstance(message, AIMessage):
        raise ValueError("an answer is no model's message")
    return Answer.kept(message, saved.error)
