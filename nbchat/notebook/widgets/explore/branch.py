"""A branch of an explored answer: up to a token as its parent, from there otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from nbchat.notebook.render.logprobs import measured
from nbchat.notebook.render.tokens import shown_tokens, token_text
from nbchat.notebook.widgets.explore.tokens import DrawnTokens, choices, is_end, is_whole, page_text, text_of
from nbchat.values.chunks import AIMessageChunk
from nbchat.values.errors import ConfigurationError
from nbchat.values.logprobs import Alternative, Logprobs, TokenLogprob
from nbchat.values.messages import AIMessage


class Branch:
    """An answer with its tokens.

    Attributes:
        tokens: all of them, those too that it shares with its parent.
        parent: what it branches from; None for the answer that is explored.
        at: index of the token that was changed.
        was: that token in the parent.
        note: how it came, or came to its end: "by instruction", "stopped", …; else empty.
    """

    def __init__(self, message: AIMessage, tokens: Iterable[TokenLogprob]) -> None:
        self.tokens = list(tokens)
        self.parent: Branch | None = None
        self.at = 0
        self.was: TokenLogprob | None = None
        self.note = ""
        self.drawn = DrawnTokens()
        self._message = message

    def fork(self, at: int, wanted: str | int) -> Branch:
        """A branch that has another token, and nothing after it yet.

        Args:
            at: index of the token.
            wanted: one of its alternatives, or the place of one among them.

        Raises:
            ConfigurationError: there is no such token or alternative, or it is but a piece of a character.
        """
        if not 0 <= at < len(self.tokens):
            raise ConfigurationError(f"there is no token {at}: the answer has {len(self.tokens)}, counted from 0")
        if self.parent is not None and at <= self.at:  # what it shares with its parent is the parent's
            return self.parent.fork(at, wanted)
        old = self.tokens[at]
        new = _chosen(old, wanted)
        token = TokenLogprob(new.token, new.logprob, old.alternatives, new.bytes)
        try:
            beginning = text_of([*self.tokens[:at], token])
        except ValueError:
            raise ConfigurationError(f"token {at} stands within a character: choose one that begins it") from None
        branch = Branch(AIMessage(beginning), [*self.tokens[:at], token])
        branch.parent, branch.at, branch.was = self, at, old
        return branch

    @property
    def beginning(self) -> str:
        """What is to be continued, as long as nothing has been added."""
        return self._message.text

    @property
    def ended(self) -> bool:
        """Whether the last token says that the answer ends."""
        return bool(self.tokens) and is_end(self.tokens[-1])

    def add(self, chunk: AIMessageChunk) -> None:
        """Take in a piece of the continuation."""
        about = dict(chunk.response_metadata)
        self.tokens.extend(Logprobs.read(about.pop("logprobs", None)) or ())
        self._message.response_metadata |= about
        self._message.usage_metadata = chunk.usage_metadata or self._message.usage_metadata

    def remark(self, note: str) -> None:
        """Note how it came, or came to its end."""
        self.note = f"{self.note} · {note}" if self.note else note

    @property
    def table(self) -> Logprobs:
        """The tokens as a table."""
        return Logprobs(self.tokens)

    @property
    def message(self) -> AIMessage:
        """The whole as a message, with its logprobs."""
        if self.parent is None:
            return self._message
        said = self._message
        logprobs = {"logprobs": {"content": [_entry(token) for token in self.tokens]}}
        return AIMessage(
            self.text, usage_metadata=said.usage_metadata, response_metadata=said.response_metadata | logprobs
        )

    @property
    def text(self) -> str:
        """The text of the tokens."""
        try:
            return text_of(self.tokens)
        except ValueError:
            return "".join(map(token_text, self.tokens))

    @property
    def path(self) -> str:
        """Which tokens were changed into which, from the first to the last."""
        if self.parent is None or self.was is None:
            return ""
        step = f"“{page_text(self.was).strip()}” → “{page_text(self.tokens[self.at]).strip()}”"
        return f"{self.parent.path} · {step}" if self.parent.path else step

    def text_from(self, at: int) -> str:
        """The text from a token on."""
        return "".join(token.text for token in shown_tokens(Logprobs(self.tokens[at:])))

    def row(self) -> Mapping[str, Any]:
        """What a table of branches says of it."""
        table = self.table
        return {
            "at": self.at if self.was else None,
            "was": token_text(self.was) if self.was else "",
            "became": token_text(self.tokens[self.at]) if self.was else "",
            "text": self.text,
            "tokens": len(table),
            "mean_logprob": table.mean,
            "perplexity": table.perplexity,
            "note": self.note,
        }

    def told(self) -> str:
        """Its measures in a line."""
        return f"{len(self.tokens)} tokens · {measured(self.table)}"


def _chosen(token: TokenLogprob, wanted: str | int) -> Alternative:
    offered = choices(token)
    if isinstance(wanted, int):
        fits = list(offered[wanted : wanted + 1]) if wanted >= 0 else []
    else:
        fits = [each for each in offered if each.token == wanted]
        fits = fits or [each for each in offered if each.token.strip() == wanted.strip() and is_whole(each)]
    if not fits:
        names = ", ".join(repr(each.token) for each in offered if is_whole(each))
        raise ConfigurationError(f"{wanted!r} is none of the alternatives to {token.token!r}; there are {names}")
    if not is_whole(fits[0]):
        raise ConfigurationError(f"{token_text(fits[0])} is but a piece of a character: it cannot be sent as text")
    return fits[0]


def _entry(token: TokenLogprob) -> dict[str, Any]:
    """In OpenAI's form."""
    about = asdict(token)
    tops = about.pop("alternatives")
    return {**about, "top_logprobs": list(tops)}
