"""Batch APIs on the wire: how requests are packed, jobs are read, and results come back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nbchat import HumanMessage
from nbchat.providers.table import find_provider
from nbchat.values.errors import StreamError, UnsupportedError
from nbchat.wire.batch import Job, Pack, Result
from nbchat.wire.batch_formats import FORMATS, batch_format
from nbchat.wire.codec import Call, Request

CALL = Call("m", [HumanMessage("Hi — “you”")])
FILES = ["openai", "azure", "groq", "together", "mistral"]
ALL = [*FILES, "anthropic", "google"]


def request_of(provider: str) -> Request:
    """A single request as this provider takes it."""
    return find_provider(provider).codec.request(CALL)


def packed(provider: str, *ids: str) -> Pack:
    """A job of that request, some times."""
    pack = Pack("tag-1", request_of(provider))
    for id in ids:
        pack.add(batch_format(provider).line(id, pack.like, "https://x/v1"))
    return pack


@pytest.mark.parametrize("provider", FILES)
def test_a_file_has_a_request_a_line_within_a_form(provider: str) -> None:
    upload = batch_format(provider).upload(packed(provider, "a", "b"))
    assert upload is not None and upload.content is not None
    head, _, rest = upload.content.partition(b"Content-Type: application/jsonl\r\n\r\n")
    content, _, tail = rest.partition(b"\r\n--tag-1--\r\n")
    assert [json.loads(line)["custom_id"] for line in content.splitlines()] == ["a", "b"] and not tail
    assert b'name="purpose"\r\n\r\nbatch' in head and b'filename="nbchat-tag-1.jsonl"' in head
    assert json.loads(content.splitlines()[0])["body"] == request_of(provider).body
    assert upload.headers == {"content-type": "multipart/form-data; boundary=tag-1"} and upload.sent() == upload.content


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("openai", {"input_file_id": "f", "endpoint": "/v1/chat/completions", "completion_window": "24h"}),
        ("azure", {"input_file_id": "f", "endpoint": "/chat/completions", "completion_window": "24h"}),
        ("groq", {"input_file_id": "f", "endpoint": "/v1/chat/completions", "completion_window": "24h"}),
        ("mistral", {"input_files": ["f"], "endpoint": "/v1/chat/completions", "model": "m", "timeout_hours": 24}),
    ],
)
def test_a_job_of_a_file_carries_our_mark(provider: str, body: dict[str, Any]) -> None:
    request = batch_format(provider).create(packed(provider, "a"), "f")
    assert request.body == {**body, "metadata": {"nbchat": "tag-1"}}
    assert request.path == ("/batch/jobs" if provider == "mistral" else "/batches")


def test_togethers_jobs_carry_no_mark_and_are_known_by_their_file() -> None:
    request = batch_format("together").create(packed("together", "a"), "f")
    assert "metadata" not in request.body and request.body["input_file_id"] == "f"


def test_a_line_for_azure_names_the_deployment() -> None:
    base = "https://x.openai.azure.com/openai/deployments/mine"
    line = json.loads(batch_format("azure").line("a", request_of("azure"), base))
    assert line["body"]["model"] == "mine" and line["url"] == "/chat/completions"
    line = json.loads(batch_format("azure").line("a", request_of("azure"), "https://x/openai/deployments/{model}"))
    assert line["body"]["model"] == "m"


def test_requests_go_along_with_the_jobs_of_anthropic_and_google() -> None:
    request = batch_format("anthropic").create(packed("anthropic", "a", "b"), "")
    assert request.path == "/messages/batches" and request.content is not None
    assert [each["custom_id"] for each in json.loads(request.content)["requests"]] == ["a", "b"]
    assert json.loads(request.content)["requests"][0]["params"] == request_of("anthropic").body
    request = batch_format("google").create(packed("google", "a", "b"), "")
    assert request.path == "/models/m:batchGenerateContent" and request.content is not None
    batch = json.loads(request.content)["batch"]
    assert batch["displayName"] == "tag-1"
    requests = batch["inputConfig"]["requests"]["requests"]
    assert [each["metadata"] for each in requests] == [{"key": "a"}, {"key": "b"}]


OPENAIS = {
    "id": "batch_1",
    "object": "batch",
    "endpoint": "/v1/chat/completions",
    "errors": None,
    "input_file_id": "file-in",
    "completion_window": "24h",
    "status": "completed",
    "output_file_id": "file-out",
    "error_file_id": "file-err",
    "created_at": 1714508499,
    "request_counts": {"total": 100, "completed": 95, "failed": 5},
    "metadata": {"nbchat": "tag-1"},
}
ANTHROPICS = {
    "id": "msgbatch_1",
    "type": "message_batch",
    "processing_status": "ended",
    "request_counts": {"processing": 0, "succeeded": 95, "errored": 4, "canceled": 0, "expired": 1},
    "created_at": "2024-09-24T18:37:24.100435Z",
    "results_url": "https://elsewhere.example/results",
}
GOOGLES: dict[str, Any] = {
    "name": "batches/1",
    "metadata": {
        "displayName": "tag-1",
        "state": "BATCH_STATE_RUNNING",
        "createTime": "2026-01-06T11:09:11.943530657Z",
        "batchStats": {"requestCount": "100", "pendingRequestCount": "60", "successfulRequestCount": "40"},
    },
}


def test_jobs_are_read() -> None:
    assert batch_format("openai").job(OPENAIS) == Job(
        "batch_1",
        tag="tag-1",
        file="file-in",
        created=1714508499.0,
        total=100,
        done=100,
        ended=True,
        results=("/files/file-out/content", "/files/file-err/content"),
    )
    assert batch_format("anthropic").job(ANTHROPICS) == Job(
        "msgbatch_1",
        created=1727203044.100435,
        total=100,
        done=100,
        ended=True,
        results=("/messages/batches/msgbatch_1/results",),
    )
    job = batch_format("google").job(GOOGLES)
    assert (job.id, job.tag, job.total, job.done, job.ended) == ("batches/1", "tag-1", 100, 40, False)
    assert round(job.created) == 1767697752


@pytest.mark.parametrize(
    ("provider", "status", "ended", "why"),
    [
        ("openai", "validating", False, ""),
        ("openai", "finalizing", False, ""),
        ("openai", "cancelling", False, ""),
        ("openai", "expired", True, "expired"),
        ("openai", "cancelled", True, "cancelled"),
        ("azure", "Validating", False, ""),
        ("azure", "canceled", True, "cancelled"),
        ("openai", "something new", False, ""),
        ("together", "IN_PROGRESS", False, ""),
        ("together", "CANCELING", False, ""),
        ("together", "COMPLETED", True, ""),
        ("together", "EXPIRED", True, "expired"),
        ("mistral", "QUEUED", False, ""),
        ("mistral", "SUCCESS", True, ""),
        ("mistral", "TIMEOUT_EXCEEDED", True, "expired"),
        ("mistral", "CANCELLATION_REQUESTED", False, ""),
        ("mistral", "CANCELLED", True, "cancelled"),
    ],
)
def test_states(provider: str, status: str, ended: bool, why: str) -> None:
    job = batch_format(provider).job({"id": "b", "status": status})
    assert (job.ended, job.why) == (ended, why)


@pytest.mark.parametrize(
    ("provider", "told"),
    [
        ("openai", {"errors": {"data": [{"code": "c", "message": "bad model", "line": 2}]}}),
        ("mistral", {"errors": [{"message": "bad model", "count": 3}]}),
        ("together", {"error": "bad model"}),
    ],
)
def test_a_job_that_failed_says_why(provider: str, told: dict[str, Any]) -> None:
    assert "bad model" in batch_format(provider).job({"id": "b", "status": "failed", **told}).why


def test_azure_tells_of_a_new_job_with_a_date_and_nulls() -> None:
    told = {
        "id": "batch_1",
        "object": "batch",
        "status": "Validating",
        "created_at": "2024-07-19T17:13:57.2491382+00:00",
        "input_file_id": "file-in",
        "endpoint": None,
        "errors": None,
        "metadata": None,
        "output_file_id": None,
        "error_file_id": None,
        "request_counts": {"total": None, "completed": None, "failed": None},
    }
    job = batch_format("azure").job(told)
    assert (job.file, job.tag, job.total, job.ended, round(job.created)) == ("file-in", "", 0, False, 1721409237)
    assert batch_format("together").job({**told, "created_at": "2024-07-19T17:13:57"}).created == 1721409237  # UTC


@pytest.mark.parametrize("state", ["BATCH_STATE_SUCCEEDED", "JOB_STATE_SUCCEEDED", "JOB_STATE_PARTIALLY_SUCCEEDED"])
def test_googles_job_has_ended_by_its_state_also_where_done_is_left_out(state: str) -> None:
    counts = {"requestCount": "3", "successfulRequestCount": "2", "failedRequestCount": "1"}  # what is 0 is left out
    about = {**GOOGLES["metadata"], "state": state, "batchStats": counts}
    job = batch_format("google").job({**GOOGLES, "metadata": about})
    assert job.ended and (job.total, job.done) == (3, 3)


def test_googles_job_that_was_cancelled_has_an_error_too_and_is_cancelled_all_the_same() -> None:
    about = {**GOOGLES["metadata"], "state": "BATCH_STATE_CANCELLED"}
    told = {**GOOGLES, "metadata": about, "done": True, "error": {"code": 1, "message": "Operation was cancelled."}}
    assert batch_format("google").job(told).why == "cancelled"


@pytest.mark.parametrize("where", ["response", "output"])
def test_googles_results_come_along_or_in_a_file(where: str) -> None:
    def told(output: dict[str, Any]) -> dict[str, Any]:
        about = {**GOOGLES["metadata"], **({"output": output} if where == "output" else {})}
        return {**GOOGLES, "metadata": about, "done": True, **({"response": output} if where == "response" else {})}

    api, answer = batch_format("google"), {"response": {"x": 1}}
    keyed = api.job(told({"inlinedResponses": {"inlinedResponses": [{**answer, "metadata": {"key": "a"}}]}}))
    assert keyed.inline == (Result("a", {"x": 1}),)
    by_place = api.job(told({"inlinedResponses": {"inlinedResponses": [answer, {"error": {"code": 3}}]}}))
    assert by_place.inline == (Result("", {"x": 1}), Result("", None, {"error": {"code": 3}}, 400))
    assert api.job(told({"responsesFile": "files/b-1"})).results == ("/files/b-1:download?alt=media",)


def test_a_new_job_of_togethers_is_wrapped() -> None:
    answer = {"job": {"id": "b", "status": "VALIDATING", "input_file_id": "f"}, "warning": ""}
    assert batch_format("together").job(answer).file == "f"


def body_line(id: str, status: int = 200, **more: Any) -> dict[str, Any]:
    """A line of an output file."""
    return {"custom_id": id, "response": {"status_code": status, "body": {"id": "x"}}, "error": None, **more}


@pytest.mark.parametrize(
    ("provider", "line", "result"),
    [
        ("openai", body_line("a"), Result("a", {"id": "x"})),
        ("openai", body_line("a", 429), Result("a", None, {"id": "x"}, 429)),
        ("openai", {"custom_id": "a", "response": None, "error": {"code": "c"}}, Result("a", None, {"code": "c"})),
        ("together", {"custom_id": "a", "error": {"message": "m"}}, Result("a", None, {"message": "m"})),
        (
            "anthropic",
            {"custom_id": "a", "result": {"type": "succeeded", "message": {"id": "x"}}},
            Result("a", {"id": "x"}),
        ),
        ("anthropic", {"custom_id": "a", "result": {"type": "expired"}}, Result("a", None, "expired")),
        (
            "anthropic",
            {"custom_id": "a", "result": {"type": "errored", "error": {"error": {"type": "overloaded_error"}}}},
            Result("a", None, {"error": {"type": "overloaded_error"}}, 529),
        ),
        ("google", {"metadata": {"key": "a"}, "response": {"x": 1}}, Result("a", {"x": 1})),
        ("google", {"key": "a", "response": {"x": 1}}, Result("a", {"x": 1})),
        (
            "google",
            {"metadata": {"key": "a"}, "error": {"code": 8, "message": "m"}},
            Result("a", None, {"error": {"code": 8, "message": "m"}}, 429),
        ),
    ],
)
def test_results_are_read(provider: str, line: Any, result: Result) -> None:
    assert batch_format(provider).result(line) == result


@pytest.mark.parametrize("provider", ALL)
@pytest.mark.parametrize("stranger", [None, 7, "x", [], {}, {"custom_id": 3}, {"metadata": []}, {"id": 1}])
def test_whatever_a_server_sends_is_a_result_or_none_and_a_job_or_a_named_error(provider: str, stranger: Any) -> None:
    api = batch_format(provider)
    assert api.result(stranger) is None
    with pytest.raises(StreamError):
        api.job(stranger)
    if stranger not in ([], None) and not (provider == "google" and isinstance(stranger, dict)):  # empty lists
        with pytest.raises(StreamError):  # taken for an empty list, it would let a job be made twice
            api.jobs(stranger, "")


@pytest.mark.parametrize("provider", ALL)
def test_lists_have_pages(provider: str) -> None:
    api = batch_format(provider)
    job = {"openai": OPENAIS, "anthropic": ANTHROPICS, "google": GOOGLES}.get(provider, {"id": "b", "status": "x"})
    pages = {
        "anthropic": ({"data": [job], "has_more": True, "last_id": "z"}, "&after_id=z"),
        "google": ({"operations": [job], "nextPageToken": "z"}, "&pageToken=z"),
        "groq": ({"data": [job], "paging": {"next_cursor": "z"}}, "&cursor=z"),
        "mistral": ({"data": [job] * 100, "object": "list", "total": 300}, "page=1"),
        "together": ([job], ""),
    }
    answer, cursor = pages.get(provider, ({"data": [{**job, "id": "z"}], "has_more": True}, "&after=z"))
    jobs, following = api.jobs(answer, "")
    assert jobs and cursor in api.page(following).path and "cursor" not in api.page("").path


@pytest.mark.parametrize(
    ("shown", "total", "following"), [(100, 300, "2"), (100, 200, "2"), (20, 60, "2"), (20, 40, "")]
)
def test_mistrals_answer_does_not_tell_which_page_it_is(shown: int, total: int, following: str) -> None:
    answer = {"data": [{"id": "b", "status": "QUEUED"}] * shown, "object": "list", "total": total}
    assert batch_format("mistral").jobs(answer, "1")[1] == following


@pytest.mark.parametrize("provider", FILES)
def test_a_list_without_jobs_may_be_told_in_many_ways(provider: str) -> None:
    for answer in ({"object": "list", "data": []}, {"object": "list", "total": 0}, [], None):
        assert batch_format(provider).jobs(answer, "") == ([], "")


def test_what_an_api_does_not_take_is_told() -> None:
    with pytest.raises(UnsupportedError, match="answers /chat/completions, and not /responses"):
        batch_format("groq").line("a", Request("/responses", {"model": "m"}), "")
    with pytest.raises(UnsupportedError, match="ollama has no Batch API"):
        batch_format("ollama")
    assert set(ALL) < set(FORMATS)
