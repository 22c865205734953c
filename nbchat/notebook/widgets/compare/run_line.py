"""How far a comparison has come that no page shows: one line, as of a batch."""

from __future__ import annotations

from nbchat.frame.outcome import Outcome
from nbchat.frame.progress import Progress, drawer
from nbchat.frame.tally import Tally
from nbchat.notebook.widgets.compare.answer import Answer, Event
from nbchat.notebook.widgets.compare.contest import Question


class RunLine:
    """One line about these questions, drawn as answers end: over a bar in a cell, else as text on stderr."""

    def __init__(self, questions: list[Question]) -> None:
        self._asked = {answer: contestant for contestant, _, answer in questions}
        self._tally = Tally()
        self._tally.asking = self._tally.began
        self._progress = Progress(self._tally, len(questions), "", noun="answer")
        self._draw = drawer(self._progress)
        self._draw(False)

    def take(self, answer: Answer, event: Event) -> None:
        """Something happens to an answer."""
        answer.take(event)
        if answer.over and (contestant := self._asked.pop(answer, None)):
            self._tally.asked(Outcome(answer.message, answer.error, answer.cost_usd(contestant)))
            if answer.state != "stopped":
                self._tally.settled(answer.state == "failed")
        self._draw(False)

    def end(self) -> None:
        """No more comes."""
        if self._tally.done < self._progress.total:
            self._tally.stopped = "interrupted; run it again to go on"
        self._draw(True)
