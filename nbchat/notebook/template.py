"""`{{expression}}` in a prompt: evaluated in the notebook's own namespace. Single braces are never touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nbchat.values.errors import ConfigurationError


def fill(text: str, namespace: Mapping[str, Any]) -> list[Any]:
    """The text in pieces: strings as written, and the values of its expressions.

    Raises:
        ConfigurationError: an expression has no end, is not Python, or fails; names it and says why.
    """
    return list(_pieces(text, lambda expression: evaluated(expression, namespace)))


def _pieces(text: str, value: Callable[[str], Any]) -> Iterator[Any]:
    while text:
        before, braces, rest = text.partition("{{")
        if before:
            yield before
        if not braces:
            return
        expression, text = _split(rest)
        yield value(expression)


def _split(rest: str) -> tuple[str, str]:
    """(expression, what follows it). An expression may hold braces itself, so the first end that is Python counts."""
    end = rest.find("}}")
    first = end
    while end >= 0:
        if _is_python(rest[:end]):
            return rest[:end], rest[end + 2 :]
        end = rest.find("}}", end + 1)
    if first < 0:
        raise ConfigurationError(f"a {{{{ in the prompt has no }}}}: {{{{{rest[:40]}…")
    return rest[:first], rest[first + 2 :]


def _is_python(expression: str) -> bool:
    try:
        compile(expression.strip(), "<prompt>", "eval")
    except (SyntaxError, ValueError):
        return False
    return True


def evaluated(expression: str, namespace: Mapping[str, Any]) -> Any:
    """The value of an expression of the user's own, in their own notebook. Raises ConfigurationError as `fill` does."""
    source = expression.strip()
    try:
        return eval(compile(source, "<prompt>", "eval"), dict(namespace))
    except NameError as error:
        raise ConfigurationError(f"{{{{{source}}}}}: {error}; run the cell that defines it, then this one") from None
    except SyntaxError:
        raise ConfigurationError(f"{{{{{source}}}}} is no Python expression; single braces are left alone") from None
    except Exception as error:
        raise ConfigurationError(f"{{{{{source}}}}} failed: {type(error).__name__}: {error}") from error
