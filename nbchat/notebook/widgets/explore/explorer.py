"""`explore`: how sure a model was of each token, and what it would have said after another one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, SupportsIndex

from nbchat.model.verbs import Verbs
from nbchat.notebook.render.article import article
from nbchat.notebook.render.logprobs import TOKEN_SHEET, logprobs_html
from nbchat.notebook.render.safe import escape_text, visible
from nbchat.notebook.widgets.explore.branch import Branch
from nbchat.notebook.widgets.explore.subject import Subject, find_subject
from nbchat.notebook.widgets.explore.tokens import page_text
from nbchat.notebook.widgets.stage import PageEvent, Stage, front
from nbchat.values.complaints import check_spelling
from nbchat.values.errors import ConfigurationError, UnsupportedError
from nbchat.values.messages import AIMessage, HumanMessage

if TYPE_CHECKING:
    import pandas

_GO_ON = (
    "Your last answer was cut off. Go on from exactly where it stops: write only what follows, "
    "without repeating any of it, and begin with a space if a new word begins."
)

_TELL = "It can be told to in words, which it may not obey: `branch(at, alternative, by_instruction=True)`."


def explore(
    answer: Any = None, model: Verbs[AIMessage] | str | None = None, messages: Any = None, **params: Any
) -> Explorer:
    """Explore an answer that has logprobs: token by token, and by branching from any of them.

        explore()                              # the last answer of the %%chat cells
        explore(chat)                          # of a Chat or a ChatPanel
        explore(answer, model, "Who was it?")  # any answer, with what it answered

    Args:
        answer: an answer, or a conversation, whose last answer it is.
        model: who goes on with a branch, or its name; a conversation brings its own, with the parameters of a panel.
        messages: what was said before the answer, as `invoke` takes it; a conversation knows it.
        params: parameters of every branch: `temperature`, `max_tokens`, …

    Without a model and messages, the answer can be looked at, and not be branched.

    Raises:
        ConfigurationError: there is no answer, or it has no logprobs; says how to ask for them. Or the model is none.
    """
    check_spelling(params, ("answer", "model", "messages"))
    return Explorer(find_subject(answer, model, messages, params))


class Explorer(Stage):
    """An answer and its branches; made by `explore`.

    A branch has another token at one place. Where the provider takes the beginning of an answer (prefill), the model
    goes on from that very token; where it does not, it can only be told to, and may say something else.
    """

    _esm, _css = front("explore")
    _css += TOKEN_SHEET

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._tree = [Branch(subject.message, subject.table)]
        self._now = self._tree[0]
        self._running: asyncio.Task[None] | None = None
        self._obstacle, self._tellable = subject.obstacle()
        super().__init__()

    @property
    def message(self) -> AIMessage:
        """The answer as the branch has it that is looked at."""
        return self._now.message

    @property
    def branches(self) -> list[AIMessage]:
        """All answers in the order they came, the explored one first."""
        return [branch.message for branch in self._tree]

    @property
    def frame(self) -> pandas.DataFrame:
        """One row a branch: parent (its row), at (token), was, became, text, tokens, mean_logprob, perplexity, note."""
        import pandas

        rows = [{"parent": self._place(branch.parent), **branch.row()} for branch in self._tree]
        return pandas.DataFrame(rows).astype({"parent": "Int64", "at": "Int64"}).rename_axis("branch")

    def choose(self, branch: SupportsIndex) -> None:
        """Look at another branch, by its row in `frame`.

        Raises:
            ConfigurationError: there is none of this number.
        """
        number = branch.__index__() if isinstance(branch, SupportsIndex) else -1  # a frame has integers of its own
        if not 0 <= number < len(self._tree):
            raise ConfigurationError(
                f"there is no branch {branch!r}: the answer has {_branches(len(self._tree))}, counted from 0"
            )
        self._now = self._tree[number]
        self.keep()

    async def branch(self, at: int, alternative: str | int, *, by_instruction: bool = False) -> AIMessage:
        """Put another token in a place, and have the answer go on from there; returns the new answer.

        It becomes the one that is looked at. What was stopped or cut stays as far as it came.

        Args:
            at: index of the token in the answer that is looked at.
            alternative: one of the token's alternatives, or the place of one among them. The empty one ends the answer.
            by_instruction: tell the model in words to go on, where its provider has no prefill: it may disobey, and
                the probabilities are those of a new answer.

        Raises:
            ConfigurationError: there is no such token or alternative; no model or question is known; one is running.
            UnsupportedError: the provider has no prefill, or gives no logprobs.
            ChatError: the model failed before anything came.
        """
        if self._running is not None:
            raise ConfigurationError("a branch is still growing: stop it first, or wait for it")
        self.error = ""
        grown = self._now.fork(at, alternative)
        stream = None if grown.ended else self._continuation(grown, by_instruction)
        self._tree.append(grown)
        self._now = grown
        if stream is not None:
            await self._watch(grown, stream)
        self.keep()
        return grown.message

    async def _watch(self, branch: Branch, stream: AsyncGenerator[Any, None]) -> None:
        """Show a branch while it grows, in a task of its own, which Stop can end without ending the caller's."""
        begun = len(branch.tokens)
        self._running = task = asyncio.ensure_future(self._grow(branch, stream))
        self.flush()
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
            self._running = None
        error = None if task.cancelled() else task.exception()
        if error is not None and len(branch.tokens) == begun:
            self._tree.remove(branch)
            self._now = branch.parent or self._now
            self.touch()
            raise error
        if task.cancelled() or error is not None:
            branch.remark("stopped" if error is None else f"cut: {error}")

    def _continuation(self, branch: Branch, by_instruction: bool) -> AsyncGenerator[Any, None]:
        model, history = self._subject.model, self._subject.history
        if model is None or history is None:
            raise ConfigurationError(self._obstacle)
        if self._obstacle and not by_instruction:
            raise UnsupportedError(f"{self._obstacle} {_TELL}" if self._tellable else self._obstacle)
        most = max(len(token.alternatives) for token in self._tree[0].tokens)
        asked = [*history, AIMessage(branch.beginning)]
        params = {**self._subject.params, "logprobs": True, "top_logprobs": max(most, 1)}
        if by_instruction:
            branch.remark("by instruction")
            return model.astream([*asked, HumanMessage(_GO_ON)], **params)  # type: ignore[return-value]
        return model.astream(asked, prefill=True, **params)  # type: ignore[return-value]

    async def _grow(self, branch: Branch, stream: AsyncGenerator[Any, None]) -> None:
        async with aclosing(stream) as chunks:
            async for chunk in chunks:
                branch.add(chunk)
                self.touch()

    def _place(self, branch: Branch | None) -> int | None:
        return None if branch is None else self._tree.index(branch)

    def picture(self) -> tuple[dict[str, Any], dict[str, str]]:
        now, parent = self._now, self._now.parent
        growing = self._running is not None
        state = {
            "branches": [self._entry(branch) for branch in self._tree],
            "now": self._tree.index(now),
            "at": None if parent is None else now.at,
            "busy": growing,
            "told": "" if growing else now.told(),
            "obstacle": self._obstacle,
            "tellable": self._tellable,
            "error": self.error,
        }
        slots = now.drawn.slots(now.tokens)
        if parent is not None:
            slots["instead"] = visible(parent.text_from(now.at))
        return state, slots

    def _entry(self, branch: Branch) -> dict[str, Any]:
        depth, at = 0, branch
        while at.parent is not None:
            depth, at = depth + 1, at.parent
        about = {"id": self._tree.index(branch), "depth": depth, "note": visible(branch.note)}
        if branch.was is None:
            return about
        return about | {"was": page_text(branch.was), "became": page_text(branch.tokens[branch.at])}

    def saved(self) -> tuple[str, str]:
        table = self._now.table
        heading = f"<p>{escape_text(self._now.path)}</p>" if self._now.parent else ""
        html = article([heading, logprobs_html(table, f"explored-{id(self):x}")], streaming=False)
        return html, f"{self._now.text}\n\n{self._now.told()}"

    async def do_branch(self, event: PageEvent) -> None:
        await self.branch(int(event["at"]), int(event["choice"]), by_instruction=bool(event["tell"]))

    async def do_choose(self, event: PageEvent) -> None:
        self.choose(int(event["branch"]))

    async def do_stop(self, _: PageEvent) -> None:
        if self._running is not None:
            self._running.cancel()

    def __repr__(self) -> str:
        return f"<Explorer: {len(self._now.tokens)} tokens, {_branches(len(self._tree))}>"


def _branches(count: int) -> str:
    return f"{count} branch{'es' * (count != 1)}"
