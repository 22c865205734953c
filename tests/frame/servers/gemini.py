"""Google's pretend batchGenerateContent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.frame.servers.jobs import JobServer, PretendJob, Refused
from tests.servers import Recorded, Reply


class GeminiBatchServer(JobServer):
    """Results come with the operation, once it is done; int64 numbers are text.

    `keyless`: results do not say which request they answer, and come in the order of these.
    """

    keyless = False

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1beta"

    def error(self, refused: Refused) -> dict[str, Any]:
        return {"error": {"code": refused.status, "message": str(refused), "status": "INVALID_ARGUMENT"}}

    def prompt(self, body: Any) -> str:
        return body["contents"][-1]["parts"][0]["text"]

    def serve(self, request: Recorded) -> Any:
        if request.headers.get("x-goog-api-key") != self.key:
            raise Refused(400, "API key not valid. Please pass a valid API key.")
        path = request.path.removeprefix("/v1beta/")
        if request.method == "POST" and path.startswith("models/") and path.endswith(":batchGenerateContent"):
            return self._create(request.json["batch"])
        if request.method == "GET" and path == "batches":
            return {"operations": [self._told(job) for job in reversed(self.jobs)]}
        if request.method == "GET" and path.startswith("batches/"):
            job = self.find(path)
            self.look(job)
            return self._told(job)
        raise Refused(404, "Not found")

    def _create(self, batch: dict[str, Any]) -> dict[str, Any]:
        requests = {each["metadata"]["key"]: each["request"] for each in batch["inputConfig"]["requests"]["requests"]}
        return self._told(self.begin(f"batches/b{len(self.jobs)}", requests, batch))

    def _told(self, job: PretendJob) -> dict[str, Any]:
        ended = self.ended(job)
        state = {"completed": "SUCCEEDED"}.get(job.fate, job.fate.upper()) if ended else "RUNNING"
        about = {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
            "displayName": job.given["displayName"],
            "state": f"BATCH_STATE_{state}",
            "createTime": datetime.fromtimestamp(job.created, UTC).isoformat().replace("+00:00", "Z"),
            "batchStats": {
                "requestCount": str(len(job.requests)),
                "pendingRequestCount": str(0 if ended else len(job.requests)),
            },
        }
        told = {"name": job.id, "metadata": about}
        if not ended:
            return told
        if job.fate == "failed":
            return told | {"done": True, "error": {"code": 3, "message": "The batch failed: bad line."}}
        results = [self._result(name, reply) for name, reply in job.answered.items()]
        if self.keyless:
            results = [self._result(name, job.answered[name]) for name in job.requests]
            for result in results:
                del result["metadata"]
        return told | {"done": True, "response": {"inlinedResponses": {"inlinedResponses": results}}}

    def _result(self, name: str, reply: Reply) -> dict[str, Any]:
        about = {"metadata": {"key": name}}
        if reply.status == 200:
            return about | {"response": reply.body}
        return about | {"error": {"code": 3, "message": "Request contains an invalid argument."}}

    def reply_to(self, body: Any) -> Reply:
        said = self.prompt(body)
        if "refuse" in said:
            return Reply(status=400, body={})
        part = {"content": {"parts": [{"text": f"You said: {said}"}], "role": "model"}, "finishReason": "STOP"}
        usage = {"promptTokenCount": 7, "candidatesTokenCount": 5, "totalTokenCount": 12}
        return Reply(body={"candidates": [part], "usageMetadata": usage, "modelVersion": "gemini-2.5-flash"})
