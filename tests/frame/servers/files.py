"""Pretend Batch APIs that take files: OpenAI's, and what Azure, Groq, Together and Mistral do differently."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from tests.frame.servers.jobs import JobServer, PretendJob, Refused
from tests.servers import Recorded, Reply
from tests.servers.conversation import default_answer
from tests.servers.openai import OpenAIHandler, question

PREFIXES = {"openai": "/v1", "azure": "/openai", "groq": "/openai/v1", "together": "/v1", "mistral": "/v1"}
URLS = {"azure": {"/chat/completions"}, "openai": {"/v1/chat/completions", "/v1/responses"}}
STATES = {
    "openai": ("validating", "in_progress"),
    "mistral": ("QUEUED", "RUNNING"),
    "together": ("VALIDATING", "IN_PROGRESS"),
}
MISTRALS = {"completed": "SUCCESS", "failed": "FAILED", "expired": "TIMEOUT_EXCEEDED", "cancelled": "CANCELLED"}


class FileBatchServer(JobServer):
    """`vendor`: "openai", "azure", "groq", "together" or "mistral".

    A file of Azure's has to be looked at twice before it is "processed". Together's jobs take no `metadata`.
    """

    def __init__(self, vendor: str = "openai", prefix: str | None = None) -> None:
        super().__init__()
        self.vendor = vendor
        self.prefix = prefix or PREFIXES[vendor]
        self.in_order: Callable[[list[PretendJob]], list[PretendJob]] = lambda jobs: jobs[::-1]  # of the list
        self.files: dict[str, bytes] = {}
        self.names: dict[str, str] = {}
        self._file_looks: dict[str, int] = {}
        self._chat = OpenAIHandler(self._said)

    @property
    def base_url(self) -> str:
        return self.url if self.vendor == "azure" else self.url + self.prefix

    def serve(self, request: Recorded) -> Any:
        self._authorise(request)
        path = request.path.removeprefix(self.prefix)
        jobs = "/batch/jobs" if self.vendor == "mistral" else "/batches"
        match request.method, path.removeprefix(jobs) if path.startswith(jobs) else path:
            case "POST", "/files" | "/files/upload":
                return self._upload(request, path)
            case "POST", "":
                return self._create(request.json)
            case "GET", "":
                return self._list(request)
            case "GET", rest if path.startswith("/files/") and rest.endswith("/content"):
                return self._content(rest.split("/")[2])
            case "GET", rest if path.startswith("/files/"):
                return self._file(rest.split("/")[2])
            case "GET", rest if path.startswith(jobs + "/"):
                job = self.find(rest.strip("/"))
                self.look(job)
                return self._told(job)
        raise Refused(404, f"Invalid URL ({request.method} {request.target})")

    def _authorise(self, request: Recorded) -> None:
        if self.vendor == "azure":
            given = request.headers.get("api-key")
            if ("api-version" in request.query) == self.prefix.endswith("/v1"):
                raise Refused(404, "Resource not found")
        else:
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if given != self.key:
            raise Refused(401, f"Incorrect API key provided: {given}.")

    def _upload(self, request: Recorded, path: str) -> dict[str, Any]:
        fields, content = _form(request)
        if (path == "/files/upload") != (self.vendor == "together"):
            raise Refused(404, f"Invalid URL (POST {path})")
        if fields.get("purpose") != ("batch-api" if self.vendor == "together" else "batch"):
            raise Refused(400, f"{fields.get('purpose')!r} is not one of ['batch'] - 'purpose'")
        if self.vendor == "together" and "file_name" not in fields:
            raise Refused(400, "file_name is required")
        id = f"file-{len(self.files)}"
        self.files[id] = content
        status = {"status": "pending"} if self.vendor == "azure" else {"status": "processed"}
        return {"id": id, "object": "file", "bytes": len(content), "purpose": fields["purpose"], **status}

    def _file(self, id: str) -> dict[str, Any]:
        if id not in self.files:
            raise Refused(404, f"No such File object: {id}")
        self._file_looks[id] = self._file_looks.get(id, 0) + 1
        return {"id": id, "object": "file", "status": "pending" if self._file_looks[id] < 2 else "processed"}

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        file = body["input_files"][0] if self.vendor == "mistral" else body["input_file_id"]
        if file not in self.files:
            raise Refused(400, f"Input file {file} not found")
        if self.vendor == "azure" and self._file_looks.get(file, 0) < 2:
            raise Refused(400, f"File {file} is not processed yet")
        if self.vendor == "together" and "metadata" in body:
            raise Refused(400, "unknown field metadata")
        if self.vendor == "mistral" and not body.get("model"):
            raise Refused(422, "model is required")
        if self.vendor != "mistral" and body.get("completion_window") != "24h":
            raise Refused(400, "Invalid value for 'completion_window'")
        job = self.begin(f"batch_{len(self.jobs)}", self._requests(file, body), body)
        return {"job": self._told(job)} if self.vendor == "together" else self._told(job)

    def _requests(self, file: str, given: dict[str, Any]) -> dict[str, Any]:
        requests: dict[str, Any] = {}
        for line in self.files[file].splitlines():
            told = json.loads(line)
            short = self.vendor in ("together", "mistral")
            if set(told) != ({"custom_id", "body"} if short else {"custom_id", "method", "url", "body"}):
                raise Refused(400, f"unexpected fields {sorted(told)}")
            if told["custom_id"] in requests or len(told["custom_id"]) > 64:
                raise Refused(400, "custom_id must be unique, and at most 64 characters")
            if not short and (told["url"] != given["endpoint"] or told["url"] not in self._urls()):
                raise Refused(400, f"The URL {told['url']} does not match the batch's endpoint")
            requests[told["custom_id"]] = told["body"]
        if len({body["model"] for body in requests.values()}) != 1:
            raise Refused(400, "a batch has requests for one model")
        return requests

    def _urls(self) -> set[str]:
        return URLS.get(self.vendor, {"/v1/chat/completions"})

    def _list(self, request: Recorded) -> Any:
        jobs = [self._told(job) for job in self.in_order(self.jobs)]
        if self.vendor == "together":
            return Reply(headers={"content-type": "application/json"}, body=json.dumps(jobs))
        if self.vendor == "mistral":
            return {"data": jobs, "object": "list", "total": len(jobs)}
        after = request.query.get("after")
        rest = jobs[next((i + 1 for i, job in enumerate(jobs) if job["id"] == after), 0) :]
        return {"object": "list", "data": rest[:1], "has_more": len(rest) > 1}  # pages of one

    def _told(self, job: PretendJob) -> dict[str, Any]:
        ended = self.ended(job)
        answered = sum(reply.status == 200 for reply in job.answered.values())
        failed = len(job.requests) - answered if ended else 0
        early, late = STATES.get(self.vendor, STATES["openai"])
        state = job.fate if ended else (early if job.looks == 0 else late)
        files = (f"{job.id}-out" if answered else None, f"{job.id}-err" if failed and job.fate != "failed" else None)
        told: dict[str, Any] = {"id": job.id, "created_at": int(job.created), "endpoint": job.given["endpoint"]}
        if self.vendor == "mistral":
            return told | {
                "status": MISTRALS.get(state, state),
                "input_files": job.given["input_files"],
                "model": job.given["model"],
                "metadata": job.given.get("metadata"),
                "output_file": files[0],
                "error_file": files[1],
                "errors": [{"message": "bad line", "count": 1}] if state == "failed" else [],
                "total_requests": len(job.requests),
                "completed_requests": answered + failed,
                "succeeded_requests": answered,
                "failed_requests": failed,
            }
        told |= {"input_file_id": job.given["input_file_id"], "output_file_id": files[0], "error_file_id": files[1]}
        if self.vendor == "together":
            return told | {
                "status": state.upper(),
                "progress": 100.0 * ended,
                "error": "bad line" * (state == "failed"),
            }
        problem = {"code": "invalid_json_line", "line": 3, "message": "This line is not parseable as valid JSON."}
        return told | {
            "object": "batch",
            "status": state,
            "metadata": job.given.get("metadata"),
            "errors": {"object": "list", "data": [problem]} if state == "failed" else None,
            "request_counts": {"total": len(job.requests), "completed": answered, "failed": failed},
        }

    def _content(self, id: str) -> Reply:
        job = self.find(id.rpartition("-")[0])
        wanted = {name: reply for name, reply in job.answered.items() if (reply.status == 200) == id.endswith("out")}
        lines = [_line(job, name, reply) for name, reply in wanted.items()]
        if id.endswith("err"):
            early = {"code": "batch_expired", "message": "This request could not be executed before it expired."}
            if job.fate == "cancelled":
                early = {"code": "batch_cancelled", "message": "This request was cancelled."}
            lines += [
                {"id": f"r-{name}", "custom_id": name, "response": None, "error": early}
                for name in job.requests
                if name not in job.answered
            ]
        return self.jsonl(lines)

    def _said(self, body: dict[str, Any]) -> Any:
        if "refuse" in self.prompt(body):
            error = {"message": "Invalid prompt.", "type": "invalid_request_error", "code": "invalid_prompt"}
            return Reply(status=400, body={"error": error})
        return default_answer(question(body)) if "response_format" in body else f"You said: {self.prompt(body)}"

    def reply_to(self, body: Any) -> Reply:
        head = b"POST /v1/chat/completions HTTP/1.1\r\nauthorization: Bearer k\r\ncontent-type: application/json"
        return self._chat(Recorded("POST", "/v1/chat/completions", head, json.dumps(body).encode()))


def _line(job: PretendJob, name: str, reply: Reply) -> dict[str, Any]:
    response = {"status_code": reply.status, "request_id": f"req-{name}", "body": _body(reply)}
    return {"id": f"batch_req_{name}", "custom_id": name, "response": response, "error": None}


def _body(reply: Reply) -> Any:
    return reply.body if isinstance(reply.body, dict) else json.loads(reply.body)  # type: ignore[arg-type]


def _form(request: Recorded) -> tuple[dict[str, str], bytes]:
    """The fields of a multipart form, and its file."""
    found = re.fullmatch(r"multipart/form-data; boundary=(\S+)", request.headers.get("content-type", ""))
    if found is None:
        raise Refused(400, "not a multipart form")
    fields, content = {}, b""
    parts = request.body.split(b"--" + found[1].encode())
    if parts[0] or parts[-1] != b"--\r\n":
        raise Refused(400, "a broken multipart form")
    for part in parts[1:-1]:
        head, _, value = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = re.search(rb'name="(\w+)"', head)
        assert name is not None
        if b"filename=" in head:
            content = value.removesuffix(b"\r\n")
        else:
            fields[name[1].decode()] = value.removesuffix(b"\r\n").decode()
    return fields, content
