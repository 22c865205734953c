"""Anthropic's Message Batches: the requests go along with the job, the results come as JSONL. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pydantic_core import to_json

from nbchat.values.errors import StreamError
from nbchat.wire.batch import MB, Job, Pack, Result, joined, listed, seconds
from nbchat.wire.codec import Request
from nbchat.wire.untrusted import count_of, object_of, text_of

_PATH = "/messages/batches"
_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}


@dataclass(frozen=True)
class AnthropicBatches:
    """`requests` of `{"custom_id", "params"}`; a result is `{"custom_id", "result": {"type", "message" or "error"}}`.

    A job carries no mark of ours: it is told by its time and its number of requests, and by the `custom_id`s of its
    results. `results_url` is not followed, for the key goes along: the results are where the documentation says.
    """

    most: int = 100_000
    largest: int = 256 * MB

    def line(self, id: str, request: Request, base_url: str) -> bytes:
        return to_json({"custom_id": id, "params": request.body})

    def upload(self, pack: Pack) -> None:
        return None

    def uploaded(self, file: str) -> None:
        return None

    def create(self, pack: Pack, file: str) -> Request:
        return Request(_PATH, {}, dict(pack.like.headers), content=joined(b'{"requests":', pack.lines, b"}"))

    def look(self, id: str) -> Request:
        return Request(f"{_PATH}/{quote(id, safe='')}", {}, method="GET")

    def job(self, answer: Any) -> Job:
        told = object_of(answer)
        id, state = text_of(told.get("id")), text_of(told.get("processing_status"))
        if not id or not state:
            raise StreamError(f"the server sent no message batch: {str(answer)[:200]}; is the base URL right?")
        counts = {name: count_of(count) or 0 for name, count in object_of(told.get("request_counts")).items()}
        ended = state == "ended"
        return Job(
            id=id,
            created=seconds(told.get("created_at")),
            total=sum(counts.values()),
            done=sum(counts.values()) - counts.get("processing", 0),
            ended=ended,
            why="its results are no longer kept" if ended and told.get("archived_at") else "",
            results=(f"{_PATH}/{quote(id, safe='')}/results",) if ended else (),
        )

    def page(self, cursor: str) -> Request:
        return Request(f"{_PATH}?limit=100{cursor}", {}, method="GET")

    def jobs(self, answer: Any, cursor: str) -> tuple[list[Job], str]:
        told = object_of(answer)
        last = text_of(told.get("last_id")) if told.get("has_more") is True else ""
        jobs = [self.job(each) for each in listed(told.get("data"), answer)]
        return jobs, f"&after_id={quote(last)}" if last else ""

    def result(self, line: Any) -> Result | None:
        told = object_of(line)
        id, result = text_of(told.get("custom_id")), object_of(told.get("result"))
        if not id:
            return None
        if result.get("type") == "succeeded" and (message := object_of(result.get("message"))):
            return Result(id, message)
        error = object_of(result.get("error"))
        inner = object_of(error.get("error")) or error
        return Result(id, None, error or text_of(result.get("type")), _STATUS.get(text_of(inner.get("type"))))
