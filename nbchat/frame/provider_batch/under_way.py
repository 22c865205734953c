"""One job at a provider, from its start until all of its results are in the journal."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from nbchat.flow.batch_jobs import AT_ONCE, Sought
from nbchat.frame.outcome import Outcome
from nbchat.frame.provider_batch.desk import Client, Desk
from nbchat.frame.provider_batch.job_book import Entry, Row
from nbchat.values.errors import APIConnectionError, ChatError, NotFoundError, QuotaError, RateLimitError, ServerError
from nbchat.wire.batch import Job, Pack, Result

LONGEST_POLL_S = 300.0
GROWTH = 1.5  # of the pause between looks
DOWNLOADS = 5  # tries to collect a job's results, each with the model's own retries
MISSES = 3  # times that a young job, or some of its results, may not be there: they may not be known everywhere yet
SETTLED_S = 3600.0
PATIENCE = 6  # further tries of a job that a busy provider refuses while none of ours is running there
_PASSING = (APIConnectionError, ServerError, RateLimitError, NotFoundError)


class JobError(ChatError):
    """A job cannot be looked at or collected for now. It stays under way: the next run goes on with it."""


class JobsLeft(ChatError):
    """Nothing went wrong: what remains is in jobs that this run was told not to wait for."""


class JobUnderWay:
    """A job, and what is to be done about it next; all of it on the thread that reads.

    Attributes:
        job: what the last look told; None before one.
        over: whether all of it is in the journal.
        trouble: why the provider could not be asked the last time, or "".
    """

    def __init__(self, entry: Entry, client: Client, desk: Desk) -> None:
        self.entry = entry
        self.client = client
        self.job: Job | None = None
        self.over = False
        self.trouble = ""
        self._desk = desk
        self._pack: Pack | None = None  # until the provider has taken it
        self._refused = 0
        self._busy = False
        self._downloads = 0
        self._missed = 0
        self._strangers = 0
        self._pause = desk.first_pause
        self._due = 0.0

    @property
    def due(self) -> float:
        """`time.monotonic()` of the next look; infinite while something is being done."""
        return float("inf") if self._busy or self.over else self._due

    @property
    def left(self) -> bool:
        """Whether nothing will be done about it in this run."""
        return not self._busy and self._due == float("inf")

    @property
    def provider(self) -> str:
        """Our name of the provider."""
        return self.client.batching.provider

    def start(self, pack: Pack) -> None:
        """Submit it; `entry` is in the book already."""
        self._pack = pack
        taken = self._desk.book.names(self.provider)
        start = self.client.batching.start(pack, self.entry.file, self.entry.created, taken, self._uploaded)
        self._run(start, self._started)

    def find(self) -> None:
        """Look whether a job that an earlier run was about to start is there; where it is not, it is over."""
        self._find(self._never_started)

    def _find(self, absent: Callable[[], None]) -> None:
        tag, _, file, total, created = self.entry
        taken = self._desk.book.names(self.provider)
        self._run(self.client.batching.find(Sought(tag, file, total, created, taken)), partial(self._found, absent))

    def look(self) -> None:
        """See how it is doing, or try again to submit it."""
        if self._pack is None:
            self._run(self.client.batching.look(self.entry.job), self._looked)
        else:
            self.start(self._pack)

    def _run(self, flow: Any, then: Callable[[Any], None]) -> None:
        self._busy = True
        self._desk.flows.run(flow, then)

    def _uploaded(self, file: str) -> None:
        self.entry = self.entry._replace(file=file)
        self._desk.book.uploaded(self.entry.tag, file)

    def _started(self, result: Job | Exception) -> None:
        if isinstance(result, Job):
            self._pack, self._pause = None, self._desk.first_pause
            self._is(result)
        elif self._may_wait(result):
            self.trouble = str(result)
            self._later(getattr(result, "retry_after", None) or 0.0)
        elif isinstance(result, ChatError) and not isinstance(result, (APIConnectionError, ServerError)):
            self._close(lambda: Outcome.of_error(result))  # the provider refused: there is no job
        else:
            self._stopped(f"whether {self.provider} has taken the batch is not known", result)

    def _may_wait(self, error: Exception) -> bool:
        """Whether it may be taken later: as long as other jobs have to end first, and a while where there are none."""
        if self._desk.poll_s is None or not isinstance(error, RateLimitError) or isinstance(error, QuotaError):
            return False
        self._refused = 0 if self._desk.running() else self._refused + 1
        return self._refused <= PATIENCE

    def _found(self, absent: Callable[[], None], result: Job | Exception | None) -> None:
        if isinstance(result, Job) and result.id in self._desk.book.names(self.provider):
            self._find(absent)  # another job that was looked for at the same time is known by now to be that one
        elif isinstance(result, Job):
            self._is(result)
        elif result is None:
            absent()
        else:
            self._stopped(f"whether {self.provider} has the batch of an earlier run is not known", result)

    def _never_started(self) -> None:
        self._desk.book.ended(self.entry.tag)
        self.over = True

    def _is(self, job: Job) -> None:
        self.entry = self.entry._replace(job=job.id)
        self._desk.book.started(self.entry.tag, job.id)
        self._looked(job)

    def _looked(self, result: Job | Exception) -> None:
        if isinstance(result, Exception):
            self._troubled(result)
            return
        result = self.job = self._named(result)
        self.trouble = ""
        if not result.ended:
            self._later()
            return
        self._pause = self._desk.first_pause  # what remains is soon done
        if result.results or result.inline:
            self._run(self.client.batching.collect(result, self._take), self._collected)
        elif result.why:
            self._close(lambda: self.client.reader.missing(result))
        else:
            self._collected(0)

    def _named(self, job: Job) -> Job:
        """A job in which results that came without a name have those of its rows, in their order."""
        if not job.inline or any(result.id for result in job.inline):
            return job
        ids = self._desk.book.ids(self.entry.tag)
        if len(ids) != len(job.inline):
            return job
        return replace(job, inline=tuple(replace(each, id=id) for each, id in zip(job.inline, ids, strict=True)))

    def _later(self, at_least: float = 0.0) -> None:
        self._busy = False
        self._due = time.monotonic() + max(self._pause, at_least)
        self._pause = max(self._pause, min(self._pause * GROWTH, LONGEST_POLL_S))

    def _troubled(self, error: Exception) -> None:
        self._missed += isinstance(error, NotFoundError)
        old = time.time() - self.entry.created > SETTLED_S
        if isinstance(error, NotFoundError) and (old or self._missed >= MISSES):  # nothing is kept for ever
            self._close(lambda: Outcome.of_error(error))
        elif isinstance(error, _PASSING) and self._downloads < DOWNLOADS:
            self.trouble = str(error)
            self._later(getattr(error, "retry_after", None) or 0.0)
        else:
            self._stopped(f"{self.provider}'s batch job {self.entry.job} is under way, and cannot be collected", error)

    def _stopped(self, what: str, error: Exception) -> None:
        self._desk.stop(JobError(f"{what}: {error}; run it again to go on"))

    def _take(self, results: list[Result]) -> None:
        """Put results into the journal; what is no row of this job, or has come already, is left out."""
        assert self.job is not None
        rows = self._desk.book.rows(self.entry.tag, [result.id for result in results])
        first: dict[str, Result] = {}
        for result in results:
            if result.id not in first or first[result.id].body is None:  # an answer goes before an error
                first[result.id] = result
        self._strangers += len(first.keys() - rows.keys())
        self._keep((row, self.client.reader.outcome(self.job, first[id])) for id, row in rows.items() if not row.done)

    def _keep(self, outcomes: Iterable[tuple[Row, Outcome]]) -> None:
        kept = list(outcomes)
        self._desk.journal.put((row.key, row.prompt, outcome) for row, outcome in kept)
        self._desk.book.done(self.entry.tag, [row.id for row, _ in kept])
        for row, outcome in kept:
            outcome.kept = True
            self._desk.land(row.id, outcome)

    def _collected(self, result: int | Exception) -> None:
        self._downloads += 1
        if isinstance(result, Exception):
            self._strangers = 0  # it begins again, and what came will come twice
            self._troubled(result)
            return
        job = self.job
        assert job is not None
        if self._is_anothers(job):
            self._desk.book.not_ours(self.entry.tag, self.provider, job.id)
            self.entry, self._downloads, self._strangers = self.entry._replace(job=""), 0, 0
            self._find(lambda: self._close(lambda: self.client.reader.missing(job)))
            return
        if not job.why and self._downloads < MISSES and self._desk.book.rest(self.entry.tag, 1):
            self._strangers, self.trouble = 0, "its results are not whole"
            if self._desk.poll_s is None:
                self.look()
            else:
                self._later()
            return
        if self._strangers + result and self._desk.book.ids(self.entry.tag):  # none: another process was faster
            warnings.warn(
                f"the results of {self.provider}'s batch job {job.id} have {self._strangers + result:,} lines that are "
                "no answer to a row of it; they were left out",
                RuntimeWarning,
                stacklevel=2,
            )
        self._close(lambda: self.client.reader.missing(job))

    def _is_anothers(self, job: Job) -> bool:
        """Whether a job that could only be told by its time and size turns out to have other rows than ours."""
        if job.tag or job.file or not self._strangers:
            return False
        return len(self._desk.book.rest(self.entry.tag, self.entry.total)) == self.entry.total

    def _close(self, missing: Callable[[], Outcome]) -> None:
        """Nothing more will come: rows without a result get an error of their own."""
        while rest := self._desk.book.rest(self.entry.tag, AT_ONCE):
            self._keep((row, missing()) for row in rest)
        self._desk.book.ended(self.entry.tag)
        self.over = True
