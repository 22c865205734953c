"""The tokens of an answer as they can be shown: whole characters, white space to be seen, steps of tint."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from nbchat.values.logprobs import Alternative, Logprobs, TokenLogprob

TINTS = 7  # steps; 0 is certain
_WHITE = {" ": "␣", "\n": "⏎", "\t": "⇥", "\r": "␍"}


@dataclass(frozen=True, slots=True)
class ShownToken:
    """A token, or several that only together are characters."""

    text: str
    tokens: tuple[TokenLogprob, ...]
    probability: float
    entropy: float | None

    @classmethod
    def of(cls, text: str, tokens: list[TokenLogprob]) -> ShownToken:
        """These tokens as one."""
        return cls(text, tuple(tokens), math.exp(sum(token.logprob for token in tokens)), tokens[0].entropy)

    @property
    def alternatives(self) -> tuple[Alternative, ...]:
        """What might have stood in its place; a piece of a character has none."""
        return self.tokens[0].alternatives if len(self.tokens) == 1 else ()


def shown_tokens(table: Logprobs) -> Iterator[ShownToken]:
    """The tokens as they can be shown: pieces of one character (byte fallback) are joined to it."""
    held: list[TokenLogprob] = []
    for token in table:
        held.append(token)
        text = _text(held)
        if text is not None:
            yield ShownToken.of(text, held)
            held = []
    if held:
        yield ShownToken.of("".join(map(token_text, held)), held)


def token_text(token: TokenLogprob | Alternative) -> str:
    """The text of a token; its bytes, `⟨E3⟩⟨82⟩`, where they are but a piece of a character."""
    try:
        bytes(token.bytes or ()).decode()
    except ValueError:
        return "".join(f"⟨{byte:02X}⟩" for byte in token.bytes or ())
    return token.token


def _text(tokens: list[TokenLogprob]) -> str | None:
    """The text of these tokens; None while their bytes end within a character."""
    if any(token.bytes is None for token in tokens):
        return "".join(token.token for token in tokens)
    try:
        return bytes(byte for token in tokens for byte in token.bytes or ()).decode()
    except UnicodeDecodeError:
        return None if len(tokens) < 4 else "".join(token.token for token in tokens)
    except ValueError:
        return "".join(token.token for token in tokens)


def tint_steps(token: ShownToken) -> tuple[int, int, int]:
    """The tint of a token by probability, by entropy (3 bits are most) and by surprisal (8 bits are most)."""
    surprisal = -math.log2(max(token.probability, 1e-12))
    measures = (1 - token.probability, (token.entropy or 0.0) / 3, surprisal / 8)
    return tuple(min(TINTS - 1, int(measure * TINTS)) for measure in measures)  # type: ignore[return-value]


def with_white_space(text: str) -> str:
    """Text with its white space to be seen, where there is nothing else or where it breaks the line."""
    if text.isspace():
        return "".join(_WHITE.get(char, "␣") + ("\n" if char == "\n" else "") for char in text)
    return text.replace("\n", "⏎\n").replace("\t", "⇥\t")
