"""Jobs of a provider's Batch API: started once, looked at, found again and collected. No network, no clock."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import urljoin, urlsplit

from nbchat.flow import effects as do
from nbchat.flow.attempt import Target, refusal
from nbchat.flow.effects import Flow
from nbchat.flow.retry import retry_wait
from nbchat.providers.endpoint import Endpoint
from nbchat.providers.rows import ALIASES
from nbchat.values.errors import APIConnectionError, BadRequestError, ChatError, ServerError, StreamError
from nbchat.wire.batch import BatchFormat, Job, Pack, Result
from nbchat.wire.batch_formats import batch_format
from nbchat.wire.codec import Request
from nbchat.wire.decoding import read_json
from nbchat.wire.ndjson import NDJSON
from nbchat.wire.untrusted import object_of, text_of

AT_ONCE = 256  # results handed over together
PAGES = 200  # of the list of jobs, that are searched
SKEW_S = 300.0  # by which the provider's clock may be behind
CHECK_S = 0.1  # between looks at a file that is being checked, twice as long each time
LONGEST_CHECK_S = 30.0
CHECKS = 60
CHECKING = ("pending", "running", "notrunning")  # in Azure's words; no job can be made of the file yet


@dataclass(frozen=True, slots=True)
class Sought:
    """What is known of a job that may or may not have been started.

    Attributes:
        tag: our mark.
        file: the file that it was to be made of; "" for none.
        total: how many requests it has.
        since: seconds since 1970, before which it cannot have been started.
        taken: ids of jobs that are known to be others.
    """

    tag: str
    file: str
    total: int
    since: float
    taken: Collection[str] = ()

    def is_(self, job: Job) -> bool:
        """Whether this is the job. Where jobs carry no mark (Anthropic), time and number of requests must do."""
        if job.id in self.taken:
            return False
        if job.tag or job.file:
            return job.tag == self.tag or (job.file != "" and job.file == self.file)
        return job.total == self.total and job.created >= self.since - SKEW_S


class Batching:
    """A provider's Batch API at one endpoint, as flows.

    Args:
        target: who is asked, as for single answers.

    Raises:
        UnsupportedError: the provider has no such API.
    """

    def __init__(self, target: Target) -> None:
        self.provider = target.route.endpoint.provider
        self.format: BatchFormat = batch_format(ALIASES.get(self.provider, self.provider))
        self.base_url = target.route.endpoint.base_url
        whole = replace(target.route.endpoint, base_url=self.base_url.partition("/deployments/")[0])  # Azure
        self._route = replace(target.route, endpoint=whole, timeout=replace(target.route.timeout, total=None))
        self._retries = target.max_retries

    def line(self, id: str, request: Request) -> bytes:
        """One request as a job holds it. Raises UnsupportedError where the API does not take such."""
        return self.format.line(id, request, self.base_url)

    def start(
        self, pack: Pack, file: str, since: float, taken: Collection[str], note: Callable[[str], None]
    ) -> Flow[Job]:
        """Upload the requests and start a job, once: before it is tried again, the job is looked for in the list.

        Args:
            file: id of the file of requests, where it is uploaded already; else "".
            since: seconds since 1970, before which the job cannot have been started.
            taken: ids of jobs that are known to be others.
            note: called with the id of the uploaded file before the job is started, on the thread that waits.

        Raises:
            ChatError: the provider refused, and there is no job; or a connection or server failed, and there may be.
        """
        if not file and (upload := self.format.upload(pack)) is not None:
            told = object_of((yield from self._told(upload)))
            file = text_of(told.get("id"))
            if not file:
                raise StreamError(f"{self.provider} told no id of the uploaded file; is the base URL right?")
            yield do.ask(note, file)
            yield from self._checked(file, told)
        sought, tries = Sought(pack.tag, file, len(pack.lines), since, taken), 0
        while True:
            try:
                return self.format.job((yield from self._told(self.format.create(pack, file), retries=0)))
            except ChatError as error:
                if (wait := retry_wait(tries, self._retries, error)) is None:
                    raise
                tries += 1
                yield do.sleep(wait)
                if isinstance(error, APIConnectionError | ServerError) and (found := (yield from self.find(sought))):
                    return found

    def _checked(self, file: str, told: Mapping[str, Any]) -> Flow[None]:
        """Wait while the provider checks an uploaded file; `told` is what it answered to the upload."""
        for look in range(CHECKS):
            state = text_of(told.get("status")).lower()
            if state in ("error", "failed", "canceled", "deleted"):
                raise BadRequestError(f"{self.provider} does not accept the file of requests: {told}")
            if state not in CHECKING or (request := self.format.uploaded(file)) is None:
                return
            yield do.sleep(min(LONGEST_CHECK_S, CHECK_S * 2**look))
            told = object_of((yield from self._told(request)))
            if not text_of(told.get("status")):
                raise StreamError(f"{self.provider} does not tell whether the file {file} was checked: {told}")
        raise StreamError(f"{self.provider} has not checked the file {file} in time; run it again later")

    def look(self, id: str) -> Flow[Job]:
        """How a job is doing; a server that fails is not asked again."""
        return self.format.job((yield from self._told(self.format.look(id), retries=0)))

    def find(self, sought: Sought) -> Flow[Job | None]:
        """A job by what is known of it, in the provider's list; None where there is none."""
        cursor, newest = "", 0.0
        for _ in range(PAGES):
            answer = yield from self._told(self.format.page(cursor))
            jobs, cursor = self.format.jobs(answer, cursor)
            if found := next((job for job in jobs if sought.is_(job)), None):
                return found
            newest = max(newest, *(job.created for job in jobs), 0.0)
            oldest = jobs[-1].created if jobs else 0.0
            if not cursor or (0 < oldest < min(newest, sought.since - SKEW_S)):  # lists begin with the newest
                return None
        return None

    def collect(self, job: Job, take: Callable[[list[Result]], None]) -> Flow[int]:
        """Fetch all results, some at a time; `take` is called with them on the thread that waits.

        A download that breaks off is begun again: some results may come twice. Returns how many lines held no result.

        Raises:
            NotFoundError: the provider keeps them no longer.
            ChatError: they cannot be fetched for now.
        """
        for at in range(0, len(job.inline), AT_ONCE):
            yield do.ask(take, list(job.inline[at : at + AT_ONCE]))
        strange = 0
        for path in job.results:
            strange += yield from self._repeated(partial(self._download, path, take), self._retries)
        return strange

    def _download(self, path: str, take: Callable[[list[Result]], None]) -> Flow[int]:
        yield from self._opened(Request(path, {}, method="GET"), stream=True)
        lines, strange, last = NDJSON(), 0, True
        ready: list[Result] = []
        while True:
            data = yield do.READ
            for _, line in lines.feed(data) if data else lines.close():
                result = self._result(line)
                last = result is not None
                strange += result is None
                if result is not None:
                    ready.append(result)
            if len(ready) >= AT_ONCE or (ready and not data):
                yield do.ask(take, ready)
                ready = []
            if not data:
                break
        if not last:  # the file ends within a line
            raise StreamError(f"{self.provider}'s results were cut")
        return strange

    def _result(self, line: bytes) -> Result | None:
        try:
            return self.format.result(read_json(line, self.provider))
        except StreamError:
            return None

    def _told(self, request: Request, retries: int | None = None) -> Flow[Any]:
        """The JSON that a request is answered with."""
        return (yield from self._repeated(lambda: self._answer(request), self._retries if retries is None else retries))

    def _answer(self, request: Request) -> Flow[Any]:
        yield from self._opened(request, stream=False)
        return read_json((yield do.READ_ALL), self.provider)

    def _opened(self, request: Request, stream: bool) -> Flow[None]:
        status, headers = yield do.open_(self._route, request, stream)
        location = headers.get("location")
        if status in (301, 302, 303, 307, 308) and request.method == "GET" and location:
            here = self._route.endpoint.url(request)
            there = urljoin(here, location)
            same_host = urlsplit(there)[:2] == urlsplit(here)[:2]
            keyless = replace(self._route, endpoint=Endpoint(self.provider, ""))  # for another host, a store of files
            route = self._route if same_host else keyless
            status, headers = yield do.open_(route, Request(there, {}, method="GET"), stream)
        if not 200 <= status < 300:
            raise (yield from refusal(self._route.endpoint, status, headers))

    def _repeated(self, start: Callable[[], Flow[Any]], retries: int) -> Flow[Any]:
        tries = 0
        while True:
            try:
                return (yield from start())
            except ChatError as error:
                if (wait := retry_wait(tries, retries, error)) is None:
                    raise
            tries += 1
            yield do.sleep(wait)
