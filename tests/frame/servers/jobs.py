"""What all pretend Batch APIs share: jobs that go through their states, and ways to disturb them."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.servers import Recorded, Reply, Server


class Refused(Exception):
    """The server's own error answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class PretendJob:
    """A job as the server keeps it; `results` are lines as they are downloaded, by the name of their request."""

    id: str
    requests: Mapping[str, Any]
    given: Mapping[str, Any] = field(default_factory=dict)
    looks: int = 0
    fate: str = ""
    created: float = field(default_factory=time.time)
    answered: dict[str, Reply] = field(default_factory=dict)


class JobServer(Server, ABC):
    """`looks`: how often a job is looked at before it ends. Each look moves it on.

    `fate`: "completed", "failed", "expired" or "cancelled", for jobs that are made from now on; one that expires or is
    cancelled leaves every second request unanswered. `disturb(request)` may give a reply in place of the server's,
    `spoil(request, reply)` another one after the server has done what it was asked, `tamper(lines)` other results.

    `asked` counts the prompts of all jobs that were taken, `jobs` has these in order.
    """

    key = "k"

    def __init__(self) -> None:
        super().__init__(self._handle)
        self.looks = 2
        self.fate = "completed"
        self.disturb: Callable[[Recorded], Reply | None] = lambda request: None
        self.spoil: Callable[[Recorded, Reply], Reply] = lambda request, reply: reply
        self.tamper: Callable[[list[bytes]], list[bytes]] = lambda lines: lines
        self.asked: Counter[str] = Counter()
        self.jobs: list[PretendJob] = []

    @property
    def base_url(self) -> str:
        """The address a client is given."""
        return f"{self.url}/v1"

    def count_of(self, method: str, ending: str) -> int:
        """How many requests of this method there were, their path ending thus."""
        return sum(request.method == method and request.path.endswith(ending) for request in self.requests)

    def _handle(self, request: Recorded) -> Reply:
        if (reply := self.disturb(request)) is not None:
            return reply
        try:
            answer = self.serve(request)
        except Refused as refused:
            answer = Reply(status=refused.status, body=self.error(refused))
        return self.spoil(request, answer if isinstance(answer, Reply) else Reply(body=answer))

    @abstractmethod
    def serve(self, request: Recorded) -> Any:
        """The answer to one request."""

    def error(self, refused: Refused) -> dict[str, Any]:
        """The provider's form of an error."""
        return {"error": {"message": str(refused), "type": "invalid_request_error", "code": None}}

    @abstractmethod
    def reply_to(self, body: Any) -> Reply:
        """What a single request of a job is answered."""

    def prompt(self, body: Any) -> str:
        """The last thing the user says in a request."""
        content = body["messages"][-1]["content"]
        return content if isinstance(content, str) else content[0]["text"]

    def begin(self, id: str, requests: Mapping[str, Any], given: Mapping[str, Any]) -> PretendJob:
        """Take a job."""
        job = PretendJob(id, requests, given, fate=self.fate)
        self.asked.update(self.prompt(body) for body in requests.values())
        self.jobs.append(job)
        return job

    def find(self, id: str) -> PretendJob:
        """A job by its name."""
        job = next((job for job in self.jobs if job.id == id), None)
        if job is None:
            raise Refused(404, f"No batch found with id '{id}'.")
        return job

    def look(self, job: PretendJob) -> None:
        """Move a job on; at its end its requests are answered, in another order than they came."""
        job.looks += 1
        if job.looks < self.looks or job.answered or job.fate == "failed":
            return
        names = list(job.requests)
        if job.fate in ("expired", "cancelled"):
            names = names[::2]
        job.answered = {name: self.reply_to(job.requests[name]) for name in reversed(names)}

    def ended(self, job: PretendJob) -> bool:
        """Whether nothing more comes of it."""
        return job.looks >= self.looks

    def jsonl(self, lines: list[Any]) -> Reply:
        """Results to download."""
        encoded = self.tamper([json.dumps(line).encode() for line in lines])
        return Reply(headers={"content-type": "application/octet-stream"}, body=b"\n".join([*encoded, b""]))
