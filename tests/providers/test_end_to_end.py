"""Models of several providers over a loopback server: the requests that arrive, and the answers that come back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nbchat import init_chat_model
from nbchat.values.errors import AuthenticationError, ConfigurationError, RateLimitError
from tests.providers.test_aws import KEYS, signature
from tests.servers import Recorded, Reply, Server
from tests.wire.aws_frames import delta, ended, frame, start, stop, whole

EVENTS = {"content-type": "application/vnd.amazon.eventstream"}
STREAM = [delta(0, text="Hel"), delta(0, text="lo"), stop(0), ended()]


def bedrock(server: Server, **arguments: Any) -> Any:
    given = {"region_name": "eu-west-1", **KEYS, **arguments}
    return init_chat_model("bedrock:us.amazon.nova-micro-v1:0", base_url=server.url, max_retries=0, **given)


def answer(request: Recorded) -> Reply:
    if request.path.endswith("/converse-stream"):
        return Reply(headers=EVENTS, body=[piece[n : n + 9] for piece in STREAM for n in range(0, len(piece), 9)])
    return Reply(headers={"content-type": "application/json"}, body=whole({"text": "Hello"}, metrics={"latencyMs": 7}))


def test_bedrock_answers_whole_streamed_and_awaited_alike() -> None:
    with Server(answer) as server:
        model = bedrock(server)
        message = model.invoke("Hi")
        chunks = list(model.stream("Hi"))
        awaited = asyncio.run(model.ainvoke("Hi"))
    total = sum(chunks[1:], chunks[0]).to_message()
    assert message == total == awaited
    assert message.text == "Hello"
    assert [chunk.text for chunk in chunks if chunk.text] == ["Hel", "lo"]
    assert server.requests[0].path == "/model/us.amazon.nova-micro-v1%3A0/converse"
    for request in server.requests:
        signature("s3cr3t", "eu-west-1", server.url + request.path, dict(request.headers), request.body)


def test_bedrocks_tools_run_in_a_conversation() -> None:
    calls = [start(0, toolUse={"name": "f", "toolUseId": "t1"}), delta(0, toolUse={"input": '{"x": 1}'}), stop(0)]
    with Server([Reply(headers=EVENTS, body=[*calls, ended("tool_use")]), answer]) as server:
        chunks = list(bedrock(server).stream("Hi"))
    assert sum(chunks[1:], chunks[0]).tool_calls == [{"name": "f", "args": {"x": 1}, "id": "t1", "type": "tool_call"}]


def test_an_exception_in_bedrocks_stream_keeps_what_came() -> None:
    slow = frame(b'{"message": "slow down"}', message_type="exception", exception_type="throttlingException")
    seen = []
    with Server(Reply(headers=EVENTS, body=[STREAM[0], slow])) as server, pytest.raises(RateLimitError) as caught:
        for chunk in bedrock(server).stream("Hi"):
            seen.append(chunk.text)
    assert "".join(seen) == "Hel"
    assert caught.value.partial.text == "Hel"


def test_bedrocks_errors_are_named_by_their_header() -> None:
    headers = {"x-amzn-errortype": "UnrecognizedClientException:http://internal/", "x-amzn-requestid": "r-1"}
    refused = Reply(403, headers, {"message": "The security token included in the request is invalid."})
    with Server(refused) as server, pytest.raises(AuthenticationError, match="security token") as caught:
        bedrock(server).invoke("Hi")
    assert caught.value.request_id == "r-1"


def test_azures_deployment_stands_in_the_address() -> None:
    with Server(Reply(body={"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]})) as server:
        model = init_chat_model("azure:dep 1", azure_endpoint=server.url, api_version="2024-10-21", api_key="k")
        assert model.invoke("Hi").text == "Hi"
    (request,) = server.requests
    assert request.path == "/openai/deployments/dep%201/chat/completions"
    assert request.query == {"api-version": "2024-10-21"}
    assert request.headers["api-key"] == "k"


def test_a_bad_key_is_told_before_anything_is_sent() -> None:
    with Server(Reply()) as server, pytest.raises(ConfigurationError, match="no HTTP header can carry"):
        init_chat_model("openai:m", base_url=server.url, api_key="sk-\n1").invoke("Hi")
    assert server.count == 0
