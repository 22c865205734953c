"""The options of `%chat` and `%%chat`, read from their line."""

from __future__ import annotations

import argparse
import json
import shlex
from difflib import get_close_matches
from typing import Any, NoReturn

from nbchat.values.errors import ConfigurationError

COMMANDS = {
    "history": "the conversation so far",
    "usage": "its tokens and its cost",
    "reset": "forget it",
    "undo": "take back the last question and its answer",
    "save FILE": "write it to a file",
    "load FILE": "go on with a saved one",
    "models": "the models that the provider offers",
    "help": "this list",
}


_SEVERAL: dict[str, Any] = {"action": "append", "default": []}


class _Parser(argparse.ArgumentParser):
    """argparse that raises a readable error instead of leaving the process."""

    def error(self, message: str) -> NoReturn:
        raise ConfigurationError(f"{self.prog}: {message}; `%chat help` lists the options")


def _common(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("-s", "--system", metavar="TEXT", help="instructions to the model")
    add("-t", "--temperature", type=float, metavar="T", help="0: the likeliest answer; higher: variety")
    add("--max-tokens", type=_count, metavar="N", help="the longest answer, in tokens")
    add("--think", metavar="EFFORT", help="reasoning: low, medium, high, off, or a number of tokens")
    add("--tools", metavar="F,G", help="functions of this notebook that the model may call")
    add("--approve", action="store_true", help="ask before each tool runs")
    add("--chat", metavar="NAME", help="a conversation of this name")
    add("--set", **_SEVERAL, metavar="KEY=VALUE", help="any parameter of the provider")


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


_count.__name__ = "whole number of at least 1"  # argparse's error says "invalid … value"


def cell_parser() -> argparse.ArgumentParser:
    """The options of a `%%chat` cell."""
    parser = _Parser(prog="%%chat", add_help=False, allow_abbrev=False)
    add = parser.add_argument
    add("-m", "--model", **_SEVERAL, metavar="MODEL", help="another model; several answer side by side")
    add("-n", "--new", action="store_true", help="start the conversation afresh")
    add("-o", "--to", metavar="NAME", help="put the reply into this variable")
    _common(parser)
    add("--image", **_SEVERAL, metavar="EXPR", help="a path, an address, a figure, an array; repeatable")
    add("--file", **_SEVERAL, metavar="PATH", help="a PDF or another file; repeatable")
    add("--schema", metavar="TYPE", help="a class or JSON schema of this notebook: the form of the answer")
    add("--logprobs", nargs="?", type=_count, const=5, metavar="K", help="show how sure each token is, with K others")
    add("--no-history", action="store_true", help="ask without the conversation, and keep nothing in it")
    add("--dry-run", action="store_true", help="show what would be sent, and send nothing")
    add("--raw", action="store_true", help="show the answer's text as it is")
    add("--allow-host", **_SEVERAL, metavar="HOST", help="load this host's images in the answer")
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
    near = get_close_matches(word.partition("=")[0], option_names(parser), 1)
    return f"there is no option {word.partition('=')[0]!r}" + (f"; did you mean {near[0]}?" if near else "")


def option_names(parser: argparse.ArgumentParser) -> list[str]:
    """All options, short and long."""
    return [name for action in parser._actions for name in action.option_strings]


def parameters(options: argparse.Namespace) -> dict[str, Any]:
    """What the options say of the model's parameters.

    Raises:
        ConfigurationError: `--set` or `--think` has no value that can be used, or holds a key.
    """
    named = ("temperature", "max_tokens")
    found = {name: value for name in named if (value := getattr(options, name)) is not None}
    if options.think is not None:
        found["reasoning"] = _effort(options.think)
    if (alternatives := getattr(options, "logprobs", None)) is not None:
        found |= {"logprobs": True, "top_logprobs": alternatives}
    for pair in options.set:
        name, equals, text = pair.partition("=")
        if not equals or not name.isidentifier():
            raise ConfigurationError(f"--set takes KEY=VALUE, as in --set top_p=0.9, not {name!r}")
        if name.endswith("key") or "token" in name.split("_")[-1:]:
            raise ConfigurationError(
                f"--set {name}: a key in a cell is saved with the notebook; set the provider's variable instead "
                "(`nbchat.providers()` names it), and clear this cell"
            )
        found[name] = _value(text)
    return found


def _effort(text: str) -> Any:
    if text in ("low", "medium", "high", "minimal", "xhigh", "max"):
        return text
    if text in ("off", "none", "no"):
        return False
    if text.isdigit():
        return int(text)
    raise ConfigurationError(f"--think is low, medium, high, off or a number of tokens, not {text!r}")


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def help_text() -> str:
    """All commands and options, as text."""
    lines = ["%chat MODEL [options]    choose the session's model", "%%chat [options]         ask it", ""]
    lines += [f"%chat {command:<18} {what}" for command, what in COMMANDS.items()]
    lines.append("")
    for action in cell_parser()._actions:
        names = ", ".join(action.option_strings) + (f" {action.metavar}" if action.metavar else "")
        lines.append(f"{names:<28} {action.help}")
    return "\n".join(lines)
