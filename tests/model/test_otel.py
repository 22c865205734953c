"""Spans of model calls and tool runs, by the GenAI semantic conventions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from nbchat import Chat, OpenTelemetryHandler, init_chat_model, tool
from tests.servers import OpenAIServer, faulty


def recorder() -> tuple[InMemorySpanExporter, TracerProvider]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter, provider


def model(server: OpenAIServer, **more: Any) -> Any:
    return init_chat_model("gpt-test", model_provider="openai", base_url=server.base_url, api_key="k", **more)


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def test_spans_follow_the_genai_conventions_and_hold_no_content_by_default() -> None:
    exporter, provider = recorder()
    handler = OpenTelemetryHandler(provider.get_tracer("test"))
    with OpenAIServer(first=[faulty.server_error()]) as server:
        chat = model(server, max_retries=0, temperature=0.5)
        with pytest.raises(Exception, match="500"):
            chat.invoke("a secret", {"callbacks": [handler]})
        Chat(chat, tools=[add]).ask("please add 1 and 2", {"callbacks": [handler]})
    spans = exporter.get_finished_spans()
    assert [span.name for span in spans] == ["chat gpt-test", "chat gpt-test", "execute_tool add", "chat gpt-test"]
    failed, answered = spans[0], spans[-1]
    assert failed.attributes and answered.attributes
    assert failed.attributes["error.type"] == "ServerError"
    assert answered.attributes["gen_ai.request.temperature"] == 0.5
    assert answered.attributes["gen_ai.usage.output_tokens"]
    assert "secret" not in str([dict(span.attributes or {}) for span in spans])


def test_prompts_and_answers_are_written_as_the_conventions_have_them_where_wanted() -> None:
    exporter, provider = recorder()
    with OpenAIServer() as server:
        Chat(model(server, stop=["END"]), tools=[add], system="Be brief.").ask(
            "please add 1 and 2", {"callbacks": [OpenTelemetryHandler(provider, content=True)]}
        )
    _, tool_run, last = (dict(span.attributes or {}) for span in exporter.get_finished_spans())
    call = {"type": "tool_call", "id": tool_run["gen_ai.tool.call.id"], "name": "add", "arguments": {"a": 1, "b": 2}}
    assert json.loads(last["gen_ai.system_instructions"]) == [{"type": "text", "content": "Be brief."}]
    said = json.loads(last["gen_ai.input.messages"])
    assert [message["role"] for message in said] == ["user", "assistant", "tool"]
    assert said[1]["parts"] == [call]
    assert said[2]["parts"] == [{"type": "tool_call_response", "id": call["id"], "response": "3"}]
    assert json.loads(last["gen_ai.output.messages"])[0]["finish_reason"] == "stop"
    assert last["gen_ai.request.stop_sequences"] == ("END",)
    assert json.loads(tool_run["gen_ai.tool.call.arguments"]) == {"a": 1, "b": 2}
