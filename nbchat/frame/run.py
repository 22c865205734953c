"""One run over the rows: what is in the journal is read, the rest is asked, and committed before it counts."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from itertools import islice
from typing import Any

from nbchat.flow.retry import LONGEST_WAIT
from nbchat.frame.answerer import Answerer
from nbchat.frame.asking import Asking, Starting
from nbchat.frame.budget import Budget
from nbchat.frame.columns import Columns
from nbchat.frame.interrupts import Held
from nbchat.frame.journal import Journal, JournalError
from nbchat.frame.outcome import Outcome
from nbchat.frame.prompts import Prompts
from nbchat.frame.provider_batch.job_asking import JobAsking
from nbchat.frame.question import Cell, Question
from nbchat.frame.tally import Tally
from nbchat.frame.templates import PromptError
from nbchat.values.errors import (
    AuthenticationError,
    ContentFilterError,
    NotFoundError,
    QuotaError,
    StructuredOutputError,
)

CHUNK = 256  # rows that are looked up in the journal at once
POLL_S = 0.3  # between looks for answers that another process is waiting for
LOCKED_S = 60.0  # how long answers wait in memory for a journal that is locked


class Run:
    """The state of one run; `steps` goes through it.

    Args:
        cells: what is to be answered, in order; taken as there is room.
        prompts: the messages of each row.
        answerers: who is asked.
        columns: where outcomes go.
        journal: read first, and written before anything counts.
        budget: what may be spent.
        asking: what asks.
        tally: what is counted.
        again: whether to ask also what the journal has.
        labelled: whether the column `model` has our labels.
    """

    def __init__(
        self,
        cells: Iterable[Cell],
        prompts: Prompts,
        answerers: Sequence[Answerer],
        columns: Columns,
        journal: Journal,
        budget: Budget,
        asking: Asking | JobAsking,
        tally: Tally,
        *,
        again: bool = False,
        labelled: bool = False,
        raising: bool = False,
    ) -> None:
        self._cells = iter(cells)
        self.prompts = prompts
        self._answerers = answerers
        self._columns = columns
        self._journal = journal
        self._budget = budget
        self._again = again
        self._labelled = labelled
        self._raising = raising
        self._asking = asking
        self._ready: deque[Question] = deque()  # claimed, and not yet sent
        self._elsewhere: dict[str, Question] = {}  # asked by another process
        self._awaited: dict[str, list[Cell]] = {}  # all places of a question that is not answered yet
        self._unsaved: list[tuple[str, str, Outcome]] = []
        self._hopeless: dict[int, Exception] = {}  # by answerer: each further request would be refused likewise
        self._stuck = False
        self._last_cell = False
        self._poll_due = 0.0
        self._saved = time.monotonic()
        self.failure: Exception | None = None
        self.tally = tally

    def steps(self, wait: float, run: Callable[..., Any]) -> Generator[list[int]]:
        """Go on until all is done; yields the places that were settled since.

        Args:
            wait: how many seconds to wait at most for something to happen.
            run: calls a tool's function, on this thread.

        Raises:
            ChatError: of the first row that failed, where errors are to be raised.
        """
        try:
            while True:
                settled = self._filled()
                idle = not settled and not self._unsaved
                self._asking.wait(wait if idle else 0, run)
                with Held():
                    settled += self._landed()
                yield settled
                if self._raising and self.failure:
                    raise self.failure
                if self._over():
                    return
        finally:
            self._end()

    @property
    def unasked(self) -> list[str]:
        """The keys of questions that have no answer; once the run has ended, they are another's to ask."""
        return list(self._awaited)

    def _over(self) -> bool:
        if self._asking.under_way or self._unsaved or self._elsewhere:
            return False
        if self._stuck:
            self.tally.stop(self._budget.reached)
            return True
        return self._last_cell and not self._ready

    def _filled(self) -> list[int]:
        """Take in further rows while there is room; returns the places that are settled without asking."""
        settled: list[int] = []
        if self._elsewhere and time.monotonic() > self._poll_due:
            settled += self._polled()
        if not self._last_cell and len(self._ready) + self._asking.under_way < self._asking.most:
            settled += self._read()
        sent: list[Starting] = []
        while self._ready and self._asking.under_way + len(sent) < self._asking.most:
            question = self._ready[0]
            answerer = self._answerers[question.cell.answerer]
            if question.cell.answerer in self._hopeless:
                settled += self._settle(question.key, self._not_asked(question.cell.answerer))
            elif not self._budget.reserve(question.key, answerer, question.messages):
                break
            else:
                before_round = partial(self._budget.extend, question.key, answerer)
                sent.append((question, partial(answerer.flow, question.messages, [], before_round)))
            self._ready.popleft()
        self._stuck = bool(self._ready) and not sent and not self._asking.under_way  # the budget is used up
        if sent:
            self.tally.asking = self.tally.asking or time.perf_counter()
            self._asking.put(sent)
        return settled

    def _read(self) -> list[int]:
        """Take the next rows in: those that cannot be asked fail here, those that are answered are read."""
        settled: list[int] = []
        new: list[Question] = []
        cells = list(islice(self._cells, CHUNK))
        self._last_cell = len(cells) < CHUNK
        for cell in cells:
            try:
                messages = self.prompts[cell.row]
                key = self._answerers[cell.answerer].key(messages, cell.sample)
            except Exception as error:  # of the row's data, or of the user's own function
                outcome = Outcome.of_error(error)
                if isinstance(error, PromptError) and isinstance(error.__cause__, Exception):
                    outcome.exception = error.__cause__  # where errors are raised, the function's own says most
                settled += self._put([cell], outcome)
                continue
            if key in self._awaited:
                self._awaited[key].append(cell)
            else:
                self._awaited[key] = [cell]
                new.append(Question(key, cell, messages))
        before = len(self._ready) + len(self._elsewhere)
        settled += self._taken(new)
        self.tally.read += len(cells)
        self.tally.known_share = 1 - (len(self._ready) + len(self._elsewhere) - before) / max(1, len(cells))
        return settled

    def _polled(self) -> list[int]:
        """Look for the answers that another process was to ask for."""
        began = time.monotonic()
        waiting = list(self._elsewhere.values())
        settled = [place for at in range(0, len(waiting), CHUNK) for place in self._taken(waiting[at : at + CHUNK])]
        now = time.monotonic()
        self._poll_due = now + max(POLL_S, 10 * (now - began))
        return settled

    def _taken(self, questions: list[Question]) -> list[int]:
        """Look questions up in the journal, and claim those that are not answered."""
        settled: list[int] = []
        if not questions:
            return settled
        found, others = ({}, set()) if self._again else self._known([each.key for each in questions])
        for question in questions:
            self._elsewhere.pop(question.key, None)
            if (outcome := found.get(question.key)) is not None:
                settled += self._settle(question.key, outcome)
            elif question.key in others:
                self._elsewhere[question.key] = question
            else:
                self._ready.append(question)
        return settled

    def _known(self, keys: list[str]) -> tuple[dict[str, Outcome], set[str]]:
        try:
            return self._journal.take(keys)
        except JournalError as error:
            self._wait_for_journal(error)
            return {}, set(keys)  # they are looked up again later

    def _landed(self) -> list[int]:
        """Price what has come, commit and settle it."""
        for question, outcome in self._asking.landed():
            answerer = self._answerers[question.cell.answerer]
            if outcome.paid is not None and outcome.cost_usd is None:
                outcome.cost_usd = answerer.cost_usd(outcome.paid)
            self._budget.settle(question.key, answerer, outcome)
            self.tally.asked(outcome)
            if outcome.exception is not None and _hopeless(outcome.exception):
                self._hopeless.setdefault(question.cell.answerer, outcome.exception)
            self._unsaved.append((question.key, question.shown, outcome))
        return self._committed()

    def _committed(self) -> list[int]:
        """Commit what has come, and settle it."""
        try:
            if self._unsaved:
                self._journal.put(each for each in self._unsaved if not each[2].kept)
            else:
                self._journal.sign()
        except JournalError as error:
            self._wait_for_journal(error)
            return []
        self._saved = time.monotonic()
        saved, self._unsaved = self._unsaved, []
        return [place for key, _, outcome in saved for place in self._settle(key, outcome)]

    def _wait_for_journal(self, error: JournalError) -> None:
        """While another program holds the file, answers wait in memory; what else is wrong with it is raised."""
        if "locked" not in str(error) or time.monotonic() - self._saved > LOCKED_S:
            raise error

    def _settle(self, key: str, outcome: Outcome, saved: bool = True) -> list[int]:
        return self._put(self._awaited.pop(key, []), outcome, saved)

    def _put(self, cells: list[Cell], outcome: Outcome, saved: bool = True) -> list[int]:
        """Lay an outcome into its places."""
        for cell in cells:
            answerer = self._answerers[cell.answerer]
            value, error = None, outcome.exception
            if outcome.message is not None:
                try:
                    value = answerer.value(outcome.message)
                except (StructuredOutputError, ContentFilterError) as misfit:
                    error = misfit
                    outcome.error = Outcome.of_error(misfit).error
            self._columns.put(cell.place, outcome, value, answerer.label if self._labelled else None)
            self.failure = self.failure or error
            self.tally.settled(outcome.error is not None, saved)
        return [cell.place for cell in cells]

    def _not_asked(self, answerer: int) -> Outcome:
        why = self._hopeless[answerer]
        return Outcome(error=f"{type(why).__name__}: not asked, for another row was refused: {why}", exception=why)

    def _end(self) -> None:
        """Stop what is under way; commit what came meanwhile."""
        try:
            if self._asking.under_way:
                self._asking.stop()
            self._asking.wait(0, lambda *_: None)
        finally:
            with Held():
                try:
                    self._landed()
                finally:
                    for key, _, outcome in self._unsaved:  # what could not be committed is in the frame at least
                        self._settle(key, outcome, saved=outcome.kept or outcome.message is None)


def _hopeless(error: Exception) -> bool:
    """Whether any other row would fare likewise: the key, the account or the model is refused, or for long."""
    later = getattr(error, "retry_after", None)
    return isinstance(error, AuthenticationError | QuotaError | NotFoundError) or (later or 0.0) > LONGEST_WAIT
