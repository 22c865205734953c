"""The options of `%chat` and `%%chat`, read from their line."""

from __future__ import annotations

import argparse
import shlex
from difflib import get_close_matches
from typing import Any, NoReturn

from nbchat.values.errors import ConfigurationError


class _Parser(argparse.ArgumentParser):
    """argparse that raises a readable error instead of leaving the process."""

    def error(self, message: str) -> NoReturn:
        raise ConfigurationError(f"{self.prog}: {message}; `%chat help` lists the options")


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-s", "--system", metavar="TEXT", help="instructions to the model")
    parser.add_argument("-t", "--temperature", type=float, metavar="T", help="0: the likeliest answer; higher: variety")
    parser.add_argument("--max-tokens", type=_count, metavar="N", help="the longest answer, in tokens")


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


_count.__name__ = "whole number of at least 1"


def cell_parser() -> argparse.ArgumentParser:
    """The options of a `%%chat` cell."""
    parser = _Parser(prog="%%chat", add_help=False, allow_abbrev=False)
    parser.add_argument("-m", "--model", metavar="MODEL", help="another model for this cell: provider:name")
    parser.add_argument("-n", "--new", action="store_true", help="start the conversation afresh")
    parser.add_argument("-o", "--to", metavar="NAME", help="put the reply into this variable")
    _common(parser)
    return parser


def line_parser() -> argparse.ArgumentParser:
    """The options of `%chat MODEL`."""
    parser = _Parser(prog="%chat", add_help=False, allow_abbrev=False)
    parser.add_argument("model", nargs="?", metavar="MODEL", help="the session's model: provider:name")
    _common(parser)
    return parser


def parse(parser: argparse.ArgumentParser, line: str) -> argparse.Namespace:
    """The options on a magic's line.

    Raises:
        ConfigurationError: an unknown option (with the nearest known one), a missing or wrong value, an open quote.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise ConfigurationError(f"{parser.prog}: {error} in {line!r}; close the quote") from None
    options, rest = parser.parse_known_args(words)
    if rest:
        raise ConfigurationError(f"{parser.prog}: {_unknown(parser, rest[0])}; `%chat help` lists the options")
    return options


def _unknown(parser: argparse.ArgumentParser, word: str) -> str:
    if not word.startswith("-"):
        return f"{word!r} is not an option; the prompt goes below the first line, and a model is named with -m"
    names = [name for action in parser._actions for name in action.option_strings]
    near = get_close_matches(word.partition("=")[0], names, 1)
    return f"there is no option {word!r}" + (f"; did you mean {near[0]}?" if near else "")


def given(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Those of the named options that were given."""
    return {name: value for name in names if (value := getattr(options, name)) is not None}
