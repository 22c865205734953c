"""What a provider's own Batch API is: many requests in one job, answered within a day at half the price. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from nbchat.values.errors import StreamError
from nbchat.wire.codec import Request

MB = 1_000_000


@dataclass(slots=True)
class Pack:
    """The requests of one job: all of one model, over one path.

    Attributes:
        tag: our mark, by which a job is found again.
        like: one of the requests, for its path, model and headers.
        lines: each request as its Batch API takes it.
    """

    tag: str
    like: Request
    lines: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, line: bytes) -> None:
        """Put in a further request."""
        self.lines.append(line)
        self.size += len(line) + 1


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one request.

    Attributes:
        id: which request: `custom_id`, or Google's `metadata.key`; "" where results are told by their place alone.
        body: a whole answer, as the request alone would have been answered; None where there is none.
        error: what the provider says in its place.
        status: HTTP status of the error, where it is known.
    """

    id: str
    body: Mapping[str, Any] | None = None
    error: Any = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """How a job is doing.

    Attributes:
        id: the provider's name of it.
        tag: our mark, where the API lets jobs have one.
        file: id of the file with its requests, where there is one.
        created: seconds since 1970; 0 where it is not told.
        total, done: requests; 0 where they are not told.
        ended: whether nothing more will come of it.
        why: what ended it early: "expired", "cancelled", or why it failed.
        results: paths to fetch results from.
        inline: results that came along.
    """

    id: str
    tag: str = ""
    file: str = ""
    created: float = 0.0
    total: int = 0
    done: int = 0
    ended: bool = False
    why: str = ""
    results: tuple[str, ...] = ()
    inline: tuple[Result, ...] = ()


class BatchFormat(Protocol):
    """One kind of Batch API. An instance is a frozen dataclass whose fields are what vendors do differently.

    A file of requests is uploaded first where `upload` gives a request for that.
    """

    @property
    def most(self) -> int:
        """Requests in a job."""

    @property
    def largest(self) -> int:
        """Bytes of all requests of a job."""

    def line(self, id: str, request: Request, base_url: str) -> bytes:
        """One request of a job. Raises UnsupportedError where the API does not take such."""

    def upload(self, pack: Pack) -> Request | None:
        """The upload of the requests, or None where they go along with the job."""

    def uploaded(self, file: str) -> Request | None:
        """A look at an uploaded file; None where there are none."""

    def create(self, pack: Pack, file: str) -> Request:
        """The start of a job."""

    def look(self, id: str) -> Request:
        """A look at a job."""

    def job(self, answer: Any) -> Job:
        """What the answer to `create` or `look` says. Raises StreamError where it is no job."""

    def page(self, cursor: str) -> Request:
        """A page of the list of jobs, newest first; the first page for ""."""

    def jobs(self, answer: Any, cursor: str) -> tuple[list[Job], str]:
        """The jobs on the page that `cursor` led to, and the cursor of the next, or "".

        Raises StreamError where it is no page.
        """

    def result(self, line: Any) -> Result | None:
        """One line of results; None where it is none."""


def listed(found: Any, answer: Any) -> list[Any]:
    """The jobs on a page. Raises StreamError where there is no list: it would be taken for an empty one."""
    if not isinstance(found, list):
        raise StreamError(f"the server sent no list of jobs: {str(answer)[:200]}; is the base URL right?")
    return found


def joined(before: bytes, lines: Sequence[bytes], after: bytes) -> bytes:
    """Requests as a JSON list, between what stands before and after them."""
    return b"%b[%b]%b" % (before, b",".join(lines), after)


def seconds(when: Any) -> float:
    """Seconds since 1970, from a number of them or an RFC 3339 date; 0 where it is neither."""
    if isinstance(when, int | float):
        return float(when)
    try:
        told = datetime.fromisoformat(when)
        return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return 0.0
