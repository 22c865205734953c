"""The tokens of a growing answer for the page: as JSON, in slots of some hundred, so that only the open end is new."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from nbchat.notebook.render.safe import visible
from nbchat.notebook.render.tokens import ShownToken, shown_tokens, tint_steps, token_text, with_white_space
from nbchat.values.logprobs import Alternative, Logprobs, TokenLogprob

_SLOT = 200  # tokens
_OPEN = 4  # the last may be pieces of a character that is not whole yet
_END = re.compile(r"<[|｜][^<>]+[|｜]>|</s>|<eos>|<end_of_turn>")  # how servers write that the answer ends  # noqa: RUF001


def choices(token: TokenLogprob) -> tuple[Alternative, ...]:
    """What might have stood in this place: the alternatives, and the token itself."""
    if any(each.token == token.token for each in token.alternatives):
        return token.alternatives
    return (*token.alternatives, Alternative(token.token, token.logprob, token.bytes))


def is_end(token: TokenLogprob | Alternative) -> bool:
    """Whether the answer ends with this."""
    return (not token.token and not token.bytes) or _END.fullmatch(token.token) is not None


def is_whole(token: TokenLogprob | Alternative) -> bool:
    """Whether it is text by itself, and not a piece of a character."""
    try:
        bytes(token.bytes or ()).decode()
    except ValueError:
        return False
    return True


def text_of(tokens: Sequence[TokenLogprob]) -> str:
    """The text that tokens are. Raises ValueError where they end within a character."""
    pieces = [token.token.encode() if token.bytes is None else bytes(token.bytes) for token in tokens]
    return b"".join(piece for piece, token in zip(pieces, tokens, strict=True) if not is_end(token)).decode()


class DrawnTokens:
    """Slots "0", "1", …: each a JSON list of tokens. What was drawn stays as it is while the answer grows."""

    def __init__(self) -> None:
        self._done: list[str] = []
        self._start = 0  # of the tokens that are not in them

    def slots(self, tokens: Sequence[TokenLogprob]) -> dict[str, str]:
        """All slots, for these tokens: those of before, and more."""
        place, open_end = self._start, []
        for shown in shown_tokens(Logprobs(tokens[self._start :])):
            open_end.append((place, shown))
            place += len(shown.tokens)
        while len(open_end) > _SLOT + _OPEN:
            self._done.append(_json(open_end[:_SLOT]))
            open_end = open_end[_SLOT:]
            self._start = open_end[0][0]
        drawn = [*self._done, _json(open_end)] if open_end else self._done
        return {str(number): text for number, text in enumerate(drawn)}


def _json(shown: Sequence[tuple[int, ShownToken]]) -> str:
    return json.dumps([_about(place, each) for place, each in shown], separators=(",", ":"))


def _about(place: int, shown: ShownToken) -> dict[str, Any]:
    """at: its place; t: text; p: probability; e: entropy; s: steps of tint; a: [text, probability, choosable]."""
    others = choices(shown.tokens[0]) if len(shown.tokens) == 1 else ()
    return {
        "at": place,
        "t": page_text(shown.tokens[0], shown.text),
        "p": round(shown.probability, 5),
        "e": None if shown.entropy is None else round(shown.entropy, 3),
        "s": tint_steps(shown),
        "a": [[page_text(a).replace("\n", ""), round(a.probability, 5), is_whole(a)] for a in others],
    }


def page_text(token: TokenLogprob | Alternative, text: str | None = None) -> str:
    """A token's text as the page may have it: the end to be seen, and what hides too."""
    return "∎" if is_end(token) else visible(with_white_space(token_text(token) if text is None else text))
