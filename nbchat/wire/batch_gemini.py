"""Google's `batchGenerateContent`: the requests go along with the job, the results with the operation. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pydantic_core import to_json

from nbchat.values.errors import StreamError
from nbchat.wire.batch import MB, Job, Pack, Result, joined, listed, seconds
from nbchat.wire.codec import Request
from nbchat.wire.untrusted import count_of, object_of, objects_in, text_of

_EARLY = {"EXPIRED": "expired", "CANCELLED": "cancelled"}  # behind "BATCH_STATE_" or "JOB_STATE_"
_ENDED = ("SUCCEEDED", "PARTIALLY_SUCCEEDED", "FAILED", *_EARLY)
_HTTP = {3: 400, 5: 404, 7: 403, 8: 429, 9: 400, 13: 500, 14: 503, 16: 401}  # google.rpc.Code


@dataclass(frozen=True)
class GeminiBatches:
    """`inputConfig.requests.requests` of `{"request", "metadata": {"key"}}`; results are in
    `response.inlinedResponses.inlinedResponses`, each with its `metadata.key`, or in the file `response.responsesFile`.

    Requests of one job are to stay below 20 MB in all; more rows make more jobs. Where no result has its key, as has
    been seen, they are told by their place: the documentation has them in the order of the requests.
    """

    most: int = 10_000
    largest: int = 19 * MB

    def line(self, id: str, request: Request, base_url: str) -> bytes:
        return to_json({"request": request.body, "metadata": {"key": id}})

    def upload(self, pack: Pack) -> None:
        return None

    def uploaded(self, file: str) -> None:
        return None

    def create(self, pack: Pack, file: str) -> Request:
        before = b'{"batch":{"displayName":%b,"inputConfig":{"requests":{"requests":' % to_json(pack.tag)
        path = pack.like.path.rpartition(":")[0] + ":batchGenerateContent"
        return Request(path, {}, content=joined(before, pack.lines, b"}}}}"))

    def look(self, id: str) -> Request:
        return Request(f"/batches/{quote(id.removeprefix('batches/'), safe='')}", {}, method="GET")

    def job(self, answer: Any) -> Job:
        told = object_of(answer)
        about = object_of(told.get("metadata")) or told
        id = text_of(told.get("name"))
        if not id.startswith("batches/"):
            raise StreamError(f"the server sent no batch: {str(answer)[:200]}; is the base URL right?")
        state = text_of(about.get("state")).rpartition("STATE_")[2]
        counts = {
            name: int(count) if str(count).isdecimal() else 0  # int64 comes as text
            for name, count in object_of(about.get("batchStats")).items()
        }
        failed = object_of(told.get("error"))
        output = object_of(told.get("response")) or object_of(about.get("output"))
        file = text_of(output.get("responsesFile")).removeprefix("files/")
        return Job(
            id=id,
            tag=text_of(about.get("displayName")),
            created=seconds(about.get("createTime")),
            total=counts.get("requestCount", 0),
            done=counts.get("successfulRequestCount", 0) + counts.get("failedRequestCount", 0),
            ended=told.get("done") is True or state in _ENDED,
            why=_EARLY.get(state) or text_of(failed.get("message")) or ("failed" if state == "FAILED" else ""),
            results=(f"/files/{quote(file, safe='')}:download?alt=media",) if file else (),
            inline=self._inline(output.get("inlinedResponses")),
        )

    def _inline(self, listed: Any) -> tuple[Result, ...]:
        told = list(objects_in(object_of(listed).get("inlinedResponses") or listed))
        found = tuple(result for each in told if (result := self.result(each)) is not None)
        return found or tuple(self._told("", each) for each in told)

    def page(self, cursor: str) -> Request:
        return Request(f"/batches?pageSize=100{cursor}", {}, method="GET")

    def jobs(self, answer: Any, cursor: str) -> tuple[list[Job], str]:
        told = object_of(answer)
        following = text_of(told.get("nextPageToken"))
        found = told.get("operations", [] if isinstance(answer, dict) else None)  # an empty list is left out
        jobs = [self.job(each) for each in listed(found, answer)]
        return jobs, f"&pageToken={quote(following, safe='')}" if following else ""

    def result(self, line: Any) -> Result | None:
        told = object_of(line)
        id = text_of(object_of(told.get("metadata")).get("key")) or text_of(told.get("key"))
        return self._told(id, told) if id else None

    def _told(self, id: str, told: Any) -> Result:
        if body := object_of(told.get("response")):
            return Result(id, body)
        error = object_of(told.get("error"))
        code = count_of(error.get("code"))
        return Result(id, None, {"error": error} if error else None, _HTTP.get(code or 0, code))
