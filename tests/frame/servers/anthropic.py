"""Anthropic's pretend Message Batches."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from tests.frame.servers.jobs import JobServer, PretendJob, Refused
from tests.servers import Recorded, Reply
from tests.servers.anthropic import AnthropicHandler

_TYPES = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error"}


class AnthropicBatchServer(JobServer):
    """Jobs have no mark of their maker, and end whatever became of their requests."""

    def __init__(self) -> None:
        super().__init__()
        self._chat = AnthropicHandler(self._said)

    def error(self, refused: Refused) -> dict[str, Any]:
        return {"type": "error", "error": {"type": _TYPES.get(refused.status, "api_error"), "message": str(refused)}}

    def serve(self, request: Recorded) -> Any:
        if request.headers.get("x-api-key") != self.key:
            raise Refused(401, "invalid x-api-key")
        if "anthropic-version" not in request.headers:
            raise Refused(400, "anthropic-version: header is required")
        parts = request.path.removeprefix("/v1/messages/batches").strip("/").split("/")
        match request.method, parts:
            case "POST", [""]:
                return self._create(request.json)
            case "GET", [""]:
                jobs = [self._told(job) for job in reversed(self.jobs)]
                return {"data": jobs, "has_more": False, "first_id": None, "last_id": None}
            case "GET", [id]:
                job = self.find(id)
                self.look(job)
                return self._told(job)
            case "GET", [id, "results"]:
                return self.jsonl([self._result(self.find(id), name) for name in self.find(id).requests])
        raise Refused(404, "Not found")

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        requests: dict[str, Any] = {}
        for each in body["requests"]:
            if set(each) != {"custom_id", "params"} or not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", each["custom_id"]):
                raise Refused(400, "requests: custom_id and params are required")
            if each["custom_id"] in requests:
                raise Refused(400, "requests: custom_id must be unique")
            requests[each["custom_id"]] = each["params"]
        return self._told(self.begin(f"msgbatch_{len(self.jobs)}", requests, {}))

    def _told(self, job: PretendJob) -> dict[str, Any]:
        ended = self.ended(job)
        kinds = [self._result(job, name)["result"]["type"] for name in job.requests] if ended else []
        counts = {kind: kinds.count(kind) for kind in ("succeeded", "errored", "canceled", "expired")}
        return {
            "id": job.id,
            "type": "message_batch",
            "processing_status": "ended" if ended else "in_progress",
            "request_counts": {"processing": len(job.requests) - len(kinds), **counts},
            "created_at": datetime.fromtimestamp(job.created, UTC).isoformat().replace("+00:00", "Z"),
            "archived_at": None,
            "results_url": "http://127.0.0.1:9/elsewhere" if ended else None,  # where no key should go
        }

    def _result(self, job: PretendJob, name: str) -> dict[str, Any]:
        reply = job.answered.get(name)
        if reply is None:
            result: dict[str, Any] = {"type": "expired" if job.fate == "expired" else "canceled"}
        elif reply.status == 200:
            result = {"type": "succeeded", "message": reply.body}
        else:
            error = reply.body if isinstance(reply.body, dict) else json.loads(reply.body)  # type: ignore[arg-type]
            result = {"type": "errored", "error": error}
        return {"custom_id": name, "result": result}

    def _said(self, body: dict[str, Any]) -> Any:
        if "refuse" in self.prompt(body):
            return Reply(status=400, body=self.error(Refused(400, "Invalid prompt.")))
        return f"You said: {self.prompt(body)}"

    def reply_to(self, body: Any) -> Reply:
        head = b"POST /v1/messages HTTP/1.1\r\nx-api-key: k\r\nanthropic-version: 2023-06-01\r\n"
        return self._chat(Recorded("POST", "/v1/messages", head, json.dumps(body).encode()))
