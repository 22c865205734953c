"""What is wrong with a value, or with an argument's name, in words that name it and what is meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from pydantic import ValidationError

from nbchat.values.errors import ConfigurationError

ALIKE = 0.8  # of 1: a name that reads so much like another one is that one misspelt
SHORTEST = 3  # letters of the beginning of a name
# Parameters that people write by hand, and are likely to misspell.
USUAL = (
    "temperature", "top_p", "top_k", "max_tokens", "stop", "seed", "reasoning", "logprobs", "top_logprobs",
    "frequency_penalty", "presence_penalty", "tool_choice", "timeout", "max_retries", "base_url", "api_key",
)  # fmt: skip
# Parameters of some provider that only read like one of those, or like an argument of ours.
OTHERS = frozenset({
    "labels", "max_new_tokens", "min_tokens", "models", "prompt_id", "prompt_logprobs", "repetition_penalty",
    "samplers", "speed", "tool_config", "top_a", "top_n", "typ_p",
})  # fmt: skip


def complaints(error: ValidationError, field: str = "field") -> list[str]:
    """One text for each problem: `'cast.0.name' is missing`, `'year': Input should be …, not 'soon'`."""
    out = []
    for problem in error.errors(include_url=False, include_context=False):
        where = ".".join(str(step) for step in problem["loc"])
        match problem["type"]:
            case "missing":
                out.append(f"{where!r} is missing")
            case "extra_forbidden":
                out.append(f"there is no {field} {where!r}")
            case _ if not where:
                out.append(problem["msg"])
            case _:
                out.append(f"{where!r}: {problem['msg']}, not {problem['input']!r:.80}")
    return out


def check_spelling(names: Iterable[str], own: Iterable[str]) -> None:
    """Tell a misspelt argument from a parameter that goes to the model as it is, which may have any name.

    Args:
        names: the arguments that are given.
        own: those that a function has, besides the usual parameters.

    Raises:
        ConfigurationError: one of them is none of these, and reads like one, or like the beginning of one.
    """
    known = sorted({*own, *USUAL})
    for name in names:
        if name in known or name in OTHERS:
            continue
        begun = [each for each in known if len(name) >= SHORTEST and each.startswith(name)]
        if near := begun[:3] or get_close_matches(name, known, n=1, cutoff=ALIKE):
            raise ConfigurationError(f"there is no argument {name}=; is {'= or '.join(near)}= meant?")
