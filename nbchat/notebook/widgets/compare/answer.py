"""One contestant's answer to one prompt: while it comes, and what is measured of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Literal

from nbchat.notebook.render.parts import Part
from nbchat.notebook.view import AnswerView
from nbchat.notebook.widgets.compare.contestants import Contestant
from nbchat.values.gathering import Gathering
from nbchat.values.messages import AIMessage

State = Literal["waiting", "running", "stopped", "failed", "done"]
Event = Any  # "begun", chunks, and at last "ended", "stopped" or an exception


@dataclass(eq=False)
class Answer:
    """An answer that takes in what happens to it.

    Attributes:
        state: "waiting" for its turn, "running", or how it ended.
        message: what came, once it is over; None where nothing came.
        error: why it failed.
        view: what it looks like.
    """

    state: State = "waiting"
    message: AIMessage | None = None
    error: str | None = None
    view: AnswerView = field(default_factory=lambda: AnswerView(""))
    _came: Gathering = field(default_factory=Gathering)
    _began: float = 0.0

    def take(self, event: Event) -> None:
        """Take in what happens: it begins, a piece comes, it ends. What comes later than its end is too late."""
        if self.over:
            return
        match event:
            case "begun":
                self.state, self._began = "running", time.perf_counter()
            case "ended":
                self._end("done")
            case "stopped":
                if self.state == "running":  # what never began was not asked
                    self._end("stopped")
            case Exception():
                self.error = f"{type(event).__name__}: {event}"
                self._end("failed")
            case _:
                self._came.add(event)
                self.view.add(event)

    def _end(self, state: State) -> None:
        if self._came.chunk is not None:
            self.message = self._came.message()
            self.message.timing.setdefault("total_s", time.perf_counter() - self._began)
            if state != "done":
                self.message.response_metadata = {**self.message.response_metadata, "finish_reason": "interrupted"}
        self._close(state)

    def _close(self, state: State) -> None:
        self.state = state
        if self.error is not None:
            name, _, text = self.error.partition(": ")
            self.view.parts.append(Part({"type": "error", "name": name, "text": text}, state="done"))
        self.view.finish(state if state == "stopped" else "")

    @classmethod
    def kept(cls, message: AIMessage | None, error: str | None) -> Answer:
        """An answer out of a file."""
        out = cls(message=message, error=error)
        if message is not None:
            out.view.add(message)
        stopped = message is None or message.interrupted
        out._close("failed" if error is not None else "stopped" if stopped else "done")
        return out

    @property
    def over(self) -> bool:
        """Whether no more comes."""
        return self.state not in ("waiting", "running")

    @property
    def failed(self) -> bool:
        """Whether an error ended it."""
        return self.state == "failed"

    @property
    def first_token_s(self) -> float | None:
        """Seconds from the question to the first piece of the answer, also while the rest still comes."""
        so_far = self.message or self._came.chunk
        return so_far.timing.get("first_token_s") if so_far is not None else None

    @property
    def seconds(self) -> float | None:
        """From the question to the end of the answer."""
        return self.message.timing.get("total_s") if self.message is not None else None

    @property
    def tokens_per_s(self) -> float | None:
        """How fast it was written, once it began."""
        usage = self.message.usage_metadata if self.message is not None else None
        if usage is None or self.seconds is None or self.first_token_s is None:
            return None
        writing = self.seconds - self.first_token_s
        return usage.output_tokens / writing if writing > 0.01 and usage.output_tokens > 1 else None

    def cost_usd(self, contestant: Contestant) -> float | None:
        """In US dollars; None where it is not known."""
        return None if self.message is None else contestant.answerer.cost_usd(self.message)
