"""Batch APIs that take a file of requests: OpenAI's, Azure's, Groq's, Together's and Mistral's. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pydantic_core import to_json

from nbchat.values.errors import StreamError, UnsupportedError
from nbchat.wire.batch import MB, Job, Pack, Result, listed, seconds
from nbchat.wire.codec import Request
from nbchat.wire.untrusted import count_of, object_of, objects_in, text_of

_WHY = {"expired": "expired", "timeout_exceeded": "expired", "cancelled": "cancelled", "canceled": "cancelled"}
_ENDED = frozenset({"completed", "success", "failed", *_WHY})
_PAGE = 100  # jobs


@dataclass(frozen=True)
class FileBatches:
    """A JSONL file goes up (`purpose`), a job is made of it, files with answers and errors come down.

    A line is `{"custom_id", "method", "url", "body"}`, a result `{"custom_id", "response": {"status_code", "body"},
    "error"}`; what failed is in a file of its own (`error_file_id`).

    Attributes:
        most, largest: requests, and bytes, in a file.
        paths: what may be asked, and how a job names it (`endpoint`).
        upload_path: where files go.
        purpose: what a file is uploaded for.
        named: whether the upload wants `file_name` as well (Together).
        short: lines are but `{"custom_id", "body"}` (Together, Mistral).
        marked: whether a job takes `metadata`; without it is known by its file.
        jobs_path: where jobs are.
        input, output, errors: the fields of a job that name its files.
        by_model: a job names the model and a list of files (Mistral).
    """

    most: int = 50_000
    largest: int = 200 * MB
    paths: tuple[tuple[str, str], ...] = (("/chat/completions", "/v1/chat/completions"),)
    upload_path: str = "/files"
    purpose: str = "batch"
    named: bool = False
    short: bool = False
    marked: bool = True
    jobs_path: str = "/batches"
    input: str = "input_file_id"
    output: str = "output_file_id"
    errors: str = "error_file_id"
    by_model: bool = False

    def line(self, id: str, request: Request, base_url: str) -> bytes:
        body = request.body
        deployment = base_url.partition("/deployments/")[2]
        if deployment and "{" not in deployment:  # Azure: a file names the deployment as its model
            body = {**body, "model": deployment}
        whole = {"custom_id": id, "method": "POST", "url": self._endpoint(request), "body": body}
        return to_json({"custom_id": id, "body": body} if self.short else whole)

    def _endpoint(self, request: Request) -> str:
        found = dict(self.paths).get(request.path)
        if found is None:
            known = " and ".join(path for path, _ in self.paths)
            raise UnsupportedError(f"this Batch API answers {known}, and not {request.path}: ask with mode='live'")
        return found

    def upload(self, pack: Pack) -> Request:
        name = f"nbchat-{pack.tag}.jsonl"
        fields = {"purpose": self.purpose, **({"file_name": name} if self.named else {})}
        return _form(fields, name, pack.lines, pack.tag, self.upload_path)

    def uploaded(self, file: str) -> Request:
        return Request(f"/files/{quote(file, safe='')}", {}, method="GET")

    def create(self, pack: Pack, file: str) -> Request:
        body: dict[str, Any] = {"endpoint": self._endpoint(pack.like)}
        if self.by_model:
            body |= {"input_files": [file], "model": pack.like.body["model"], "timeout_hours": 24}
        else:
            body |= {"input_file_id": file, "completion_window": "24h"}
        if self.marked:
            body["metadata"] = {"nbchat": pack.tag}
        return Request(self.jobs_path, body)

    def look(self, id: str) -> Request:
        return Request(f"{self.jobs_path}/{quote(id, safe='')}", {}, method="GET")

    def job(self, answer: Any) -> Job:
        told = object_of(object_of(answer).get("job")) or object_of(answer)  # Together wraps a new one
        state = text_of(told.get("status")).lower()
        if not text_of(told.get("id")) or not state:
            raise StreamError(f"the server sent no batch job: {str(answer)[:200]}; is the base URL right?")
        files = told.get(self.input)
        counts = object_of(told.get("request_counts")) or told
        total, done, failed = (
            count_of(counts.get(name)) or count_of(counts.get(f"{name}_requests")) or 0
            for name in ("total", "completed", "failed")
        )
        return Job(
            id=told["id"],
            tag=text_of(object_of(told.get("metadata")).get("nbchat")),
            file=text_of(files[0] if isinstance(files, list) and files else files),
            created=seconds(told.get("created_at")),
            total=total,
            done=min(total, done if self.by_model else done + failed),
            ended=state in _ENDED,
            why=_why_failed(told) if state == "failed" else _WHY.get(state, ""),
            results=tuple(
                f"/files/{quote(file, safe='')}/content"
                for file in (text_of(told.get(self.output)), text_of(told.get(self.errors)))
                if file
            ),
        )

    def page(self, cursor: str) -> Request:
        if self.by_model:
            return Request(f"{self.jobs_path}?page={cursor or 0}&page_size={_PAGE}", {}, method="GET")
        return Request(f"{self.jobs_path}?limit={_PAGE}{cursor}", {}, method="GET")

    def jobs(self, answer: Any, cursor: str) -> tuple[list[Job], str]:
        told = object_of(answer)
        empty = answer is None or told.get("object") == "list"  # then no `data` is an empty list
        jobs = [self.job(each) for each in listed(told.get("data", [] if empty else answer), answer)]
        if self.by_model:
            page, total = int(cursor or 0) + 1, count_of(told.get("total")) or 0
            return jobs, str(page) if len(jobs) == _PAGE or 0 < page * len(jobs) < total else ""
        if after := text_of(object_of(told.get("paging")).get("next_cursor")):  # Groq
            return jobs, f"&cursor={quote(after)}"
        return jobs, f"&after={quote(jobs[-1].id)}" if jobs and told.get("has_more") is True else ""

    def result(self, line: Any) -> Result | None:
        told = object_of(line)
        id = text_of(told.get("custom_id"))
        if not id:
            return None
        response = object_of(told.get("response"))
        status, body = count_of(response.get("status_code")), object_of(response.get("body"))
        if body and (status is None or 200 <= status < 300) and not told.get("error"):
            return Result(id, body)
        return Result(id, None, told.get("error") or body, status)


def _why_failed(told: Any) -> str:
    """OpenAI lists `{code, message, line}` in `errors.data`, Mistral in `errors`; Together has a text, `error`."""
    errors = told.get("errors")
    listed = objects_in(errors if isinstance(errors, list) else object_of(errors).get("data"))
    words = []
    for each in listed:
        line = count_of(each.get("line"))
        words.append(f"{f'line {line}: ' if line else ''}{text_of(each.get('message')) or each.get('code')}")
    return "; ".join(words[:3]) or text_of(told.get("error")) or "failed"


def _form(fields: dict[str, str], name: str, lines: Sequence[bytes], boundary: str, path: str) -> Request:
    """A multipart form with a file of lines, as browsers send it."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in fields.items()
    ]
    parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n')
    before = f"{''.join(parts)}Content-Type: application/jsonl\r\n\r".encode()
    whole = b"\n".join([before, *lines, f"\r\n--{boundary}--\r\n".encode()])  # the file may be large: one copy of it
    return Request(path, {}, {"content-type": f"multipart/form-data; boundary={boundary}"}, content=whole)


_CHAT = ("/chat/completions", "/v1/chat/completions")
_RESPONSES = ("/responses", "/v1/responses")

OPENAI = FileBatches(paths=(_CHAT, _RESPONSES))
AZURE = FileBatches(most=100_000, paths=(("/chat/completions", "/chat/completions"), _RESPONSES))
GROQ = FileBatches(largest=100 * MB)
TOGETHER = FileBatches(
    largest=100 * MB, upload_path="/files/upload", purpose="batch-api", named=True, short=True, marked=False
)
MISTRAL = FileBatches(
    most=100_000,
    largest=512 * MB,
    short=True,
    jobs_path="/batch/jobs",
    input="input_files",
    output="output_file",
    errors="error_file",
    by_model=True,
)
