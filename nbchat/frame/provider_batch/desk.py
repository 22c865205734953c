"""What the jobs of a batch share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nbchat.flow.batch_jobs import Batching
from nbchat.frame.answerer import Answerer
from nbchat.frame.journal import Journal
from nbchat.frame.outcome import Outcome
from nbchat.frame.provider_batch.job_book import JobBook
from nbchat.frame.provider_batch.job_flows import JobFlows
from nbchat.frame.provider_batch.job_results import Reader


@dataclass(frozen=True)
class Desk:
    """What all jobs of a batch share.

    Attributes:
        journal, book: where answers, and what is in which job, are written down.
        flows: what goes to providers and comes back.
        poll_s: seconds before a job is looked at again, at first; more each time. None: it is not.
        running: how many jobs the provider has taken that are not over.
        land: told the name of a row in its job, and what became of it, once that is in the journal.
        stop: told the error that ends this run.
    """

    journal: Journal
    book: JobBook
    flows: JobFlows
    poll_s: float | None
    running: Callable[[], int]
    land: Callable[[str, Outcome], None]
    stop: Callable[[Exception], None]

    @property
    def first_pause(self) -> float:
        """Seconds before a job is looked at again, at first."""
        return float("inf") if self.poll_s is None else self.poll_s


@dataclass(frozen=True)
class Client:
    """One model of a batch at its provider's Batch API."""

    answerer: Answerer
    batching: Batching
    reader: Reader
