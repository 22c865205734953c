"""Questions asked through providers' Batch APIs: packed into jobs, waited for, collected. Stands in for `Asking`."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from nbchat.flow.batch_jobs import Batching
from nbchat.frame.answerer import Answerer
from nbchat.frame.asking import Starting
from nbchat.frame.journal import Journal
from nbchat.frame.outcome import Outcome
from nbchat.frame.provider_batch.desk import Client, Desk
from nbchat.frame.provider_batch.job_book import Entry, JobBook, Row, name_in_job
from nbchat.frame.provider_batch.job_flows import JobFlows
from nbchat.frame.provider_batch.job_results import Reader
from nbchat.frame.provider_batch.under_way import JobsLeft, JobUnderWay
from nbchat.values.errors import BadRequestError, ConfigurationError
from nbchat.values.messages import HumanMessage
from nbchat.wire.batch import MB, Pack

ALL_ROWS = 1 << 40  # questions that may be under way: a job holds as many as the provider allows
UPLOADS = 2  # jobs that are on their way up at once: each may be hundreds of megabytes


@dataclass
class _Filling:
    """A pack that has room for further questions."""

    pack: Pack
    client: Client
    rows: list[Row] = field(default_factory=list)


class JobAsking:
    """Questions under way in jobs. One thread puts them in and reads what came of them.

    What is in a job of an earlier run, of this kernel or another, is waited for there and not submitted again. A job
    is written down before it is submitted; one of which it is not known whether that came through is looked for at
    the provider by its mark, its file or (Anthropic) its time and number of requests.

    Args:
        answerers: who is asked.
        journal: where jobs are written down, and answers go before they land.
        poll_s: seconds before a job is looked at again, at first; half as much more each time, up to five minutes.
            None: do not wait for jobs that have not ended.

    Raises:
        ConfigurationError: a model cannot be asked this way.
    """

    def __init__(self, answerers: Sequence[Answerer], journal: Journal, poll_s: float | None) -> None:
        if journal.path is None:
            raise ConfigurationError("mode='provider' needs a journal: without one, its jobs would be lost on the way")
        self._journal = journal
        self._questions = 0  # put in, and not landed
        self._clients = [_client(each) for each in answerers]
        self._book = JobBook(journal)
        self._flows = JobFlows()
        self._desk = Desk(journal, self._book, self._flows, poll_s, lambda: len(self.jobs), self._land, self._fail)
        self._waiting: dict[str, Any] = {}  # questions, by their names in jobs
        self._filling: dict[Hashable, _Filling] = {}
        self._jobs: dict[str, JobUnderWay] = {}  # by tag
        self._rows: dict[str, list[str]] = {}  # the names of those that were put in, by the job's tag
        self._out: list[tuple[Any, Outcome]] = []
        self._more_came = False
        self._stopped = False
        self._failure: Exception | None = None

    def put(self, questions: Sequence[Starting]) -> None:
        """Take questions in; they are submitted once no more come, or a job is full."""
        self._more_came = True
        self._questions += len(questions)
        named = {name_in_job(question.key): question for question, _ in questions}
        self._waiting |= named
        held = self._book.holding(list(named))
        for id, question in named.items():
            if id in held:
                self._join(held[id], id, question)
            else:
                self._pack(id, question)

    def wait(self, seconds: float, run: Callable[..., Any]) -> None:
        """Wait up to so many seconds for something to come.

        Raises:
            JobError: a job cannot be reached; it stays under way.
            JobsLeft: what remains is in jobs that are not to be waited for.
        """
        if self._more_came:
            self._more_came, seconds = False, 0.0
        elif not self._stopped:
            for group in list(self._filling) if self.most else ():
                self._submit(group)
            seconds = min(seconds, self._look())
        self._flows.wait(max(0.0, seconds), run)
        for then, result in self._flows.landed():
            then(result)
        for tag in [tag for tag, job in self._jobs.items() if job.over]:
            del self._jobs[tag]
            self._left_over(self._rows.pop(tag))
        if not self._out and not self._stopped:
            if self._failure:
                raise self._failure
            if self._jobs and not self._filling and all(job.left for job in self._jobs.values()):
                raise JobsLeft(f"{self.said()}; run it again to collect what has ended")

    def landed(self) -> list[tuple[Any, Outcome]]:
        """What has come by now."""
        out, self._out = self._out, []
        self._questions -= len(out)
        return out

    def stop(self) -> None:
        """Leave the jobs to themselves."""
        self._stopped = True
        self._flows.stop()

    @property
    def under_way(self) -> int:
        """Questions and jobs that are not over: a job is read to its end, also where no question waits for the rest."""
        return self._questions + len(self._jobs)

    @property
    def most(self) -> int:
        """How many questions to put in: none while enough jobs are on their way up."""
        return ALL_ROWS if sum(job.job is None for job in self._jobs.values()) < UPLOADS else 0

    @property
    def jobs(self) -> list[str]:
        """The providers' names of the jobs that are under way."""
        return [job.entry.job for job in self._jobs.values() if job.entry.job]

    def said(self) -> str:
        """What is waited for, in words; "" for nothing."""
        if not self._jobs:
            return ""
        jobs = list(self._jobs.values())
        providers = " and ".join(sorted({job.provider for job in jobs}))
        count = f"{len(jobs)} job{'s' * (len(jobs) > 1)} at {providers}"
        told = [job.job for job in jobs if job.job is not None and job.job.total]
        answered = f", {sum(job.done for job in told):,} of {sum(job.total for job in told):,} answered" if told else ""
        trouble = next((f" ({job.trouble})" for job in jobs if job.trouble), "")
        return count + answered + trouble

    def waits(self) -> str:
        """`said`, and since when, for a line that somebody looks at."""
        said = self.said()
        minutes = int(time.time() - min((job.entry.created for job in self._jobs.values()), default=0.0)) // 60
        if not said or not minutes:
            return said
        hours = f"{minutes // 60:,} h " if minutes >= 60 else ""
        return f"{said}, for {hours}{minutes % 60} min (it goes on if you stop here)"

    def _look(self) -> float:
        """Look at the jobs whose time has come; returns seconds until the next."""
        now, jobs = time.monotonic(), list(self._jobs.values())
        for job in jobs:
            if job.due <= now:
                job.look()
        return min((job.due for job in jobs), default=float("inf")) - now

    def _land(self, id: str, outcome: Outcome) -> None:
        if (question := self._waiting.pop(id, None)) is not None:  # a job may have rows that this frame has not
            self._out.append((question, outcome))

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error

    def _join(self, entry: Entry, id: str, question: Any) -> None:
        """Wait for a job of an earlier run."""
        self._rows.setdefault(entry.tag, []).append(id)
        if entry.tag in self._jobs:
            return
        job = self._jobs[entry.tag] = JobUnderWay(entry, self._clients[question.cell.answerer], self._desk)
        if not entry.job:
            job.find()

    def _left_over(self, ids: Sequence[str]) -> None:
        """Rows that a job has not landed: it was never started, or another process has collected it."""
        for id in ids:
            if (question := self._waiting.get(id)) is None:
                continue
            if (outcome := self._journal.answered([question.key]).get(question.key)) is not None:
                outcome.kept = True
                self._land(id, outcome)
            else:
                self._pack(id, question)

    def _pack(self, id: str, question: Any) -> None:
        client = self._clients[question.cell.answerer]
        batching = client.batching
        target, call = client.answerer.model.asked(question.messages)
        request = target.codec.request(call)
        line = batching.line(id, request)
        if len(line) > batching.format.largest:
            size = f"{len(line) // MB} MB, and {batching.provider}'s jobs hold {batching.format.largest // MB} MB"
            self._land(id, Outcome.of_error(BadRequestError(f"this row takes {size}: ask it with mode='live'")))
            return
        group = (question.cell.answerer, request.path, call.model, tuple(request.headers.items()))
        filling = self._filling.get(group)
        if filling is not None and _full(filling, line):
            self._submit(group)
            filling = None
        if filling is None:
            filling = self._filling[group] = _Filling(Pack(uuid4().hex, request), client)
        filling.pack.add(line)
        filling.rows.append(Row(id, question.key, question.shown))

    def _submit(self, group: Hashable) -> None:
        filling = self._filling.pop(group)
        entry = self._book.add(filling.pack.tag, filling.client.batching.provider, filling.rows)
        self._rows[entry.tag] = [row.id for row in filling.rows]
        job = self._jobs[entry.tag] = JobUnderWay(entry, filling.client, self._desk)
        job.start(filling.pack)


def _full(filling: _Filling, line: bytes) -> bool:
    limits = filling.client.batching.format
    return len(filling.rows) >= limits.most or filling.pack.size + len(line) > limits.largest


def _client(answerer: Answerer) -> Client:
    if answerer.tools:
        raise ConfigurationError("tools= run between questions, and a provider's job asks each but once: mode='live'")
    target, call = answerer.model.asked([HumanMessage("?")])
    if call.options.get("prefill"):
        raise ConfigurationError("prefill= goes on from an answer's beginning, which jobs do not: use mode='live'")
    batching = Batching(target)
    batching.line("-", target.codec.request(call))  # what no row can be asked is told before anything is sent
    return Client(answerer, batching, Reader(answerer))
