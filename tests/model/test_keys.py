"""A key is shown nowhere: not in a repr, an error, a traceback, a log, a pickle, a saved file or a callback."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pickle
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from nbchat import BaseCallbackHandler, Chat, InMemoryCache, SQLiteCache, init_chat_model
from nbchat.notebook.values import value_html
from nbchat.values.errors import ChatError, ConfigurationError
from tests.servers import AnthropicServer, OpenAIServer, Reply, faulty

KEY = "sk-test-0123456789-never-shown"
PROVIDERS = ["openai", "anthropic"]


def make(provider: str, url: str, **more: Any) -> Any:
    return init_chat_model("test", model_provider=provider, base_url=f"{url}/v1", api_key=KEY, max_retries=0, **more)


def shown(error: BaseException) -> str:
    """All that a verbose traceback shows, local variables as well."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(told.format()) + repr(error) + str(error) + str(vars(error))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_models_own_texts_hold_no_key(provider: str) -> None:
    model = make(provider, "http://127.0.0.1:9")
    call = model.call([])
    shown = [model, model.target, model.described(call), Chat(model), vars(model)]
    texts = [str(model), *map(repr, shown)]
    assert all(KEY not in text for text in texts)


def test_a_repr_shows_only_the_name_of_what_may_hold_a_key() -> None:
    headers = {"Authorization": KEY}
    model = make("openai", "http://127.0.0.1:9", extra_headers=headers, temperature=0)
    assert KEY not in value_html(model)
    served = {"type": "mcp", "server_label": "files", "headers": headers}
    assert repr(model.bind_tools([served])) == "ChatModel('openai:test', extra_headers=…, temperature=0, tools=['mcp'])"
    open_ = init_chat_model(
        "bedrock:m", configurable_fields="any", aws_secret_access_key=KEY, proxy=f"http://a:{KEY}@b"
    )
    assert KEY not in repr(open_)
    assert "aws_secret_access_key=…" in repr(open_)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_pickle_holds_no_key(provider: str) -> None:
    assert KEY.encode() not in pickle.dumps(make(provider, "http://127.0.0.1:9"))


REPLIES = {
    "quoted": Reply(status=401, body={"error": {"message": f"Incorrect API key: {KEY}", "param": KEY}}),
    "html": faulty.html_page(),
    "garbage": faulty.garbage(),
    "wrong json": faulty.wrong_json(),
    "500": faulty.server_error(),
}


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("verb", ["invoke", "stream", "ainvoke", "astream", "batch"])
def test_errors_and_verbose_tracebacks_hold_no_key(provider: str, reply: str, verb: str) -> None:
    server_kind = OpenAIServer if provider == "openai" else AnthropicServer

    async def astream(model: Any) -> None:
        async for _ in model.astream("hi"):
            pass

    verbs: dict[str, Callable[[Any], Any]] = {
        "invoke": lambda m: m.invoke("hi"),
        "stream": lambda m: list(m.stream("hi")),
        "ainvoke": lambda m: asyncio.run(m.ainvoke("hi")),
        "astream": lambda m: asyncio.run(astream(m)),
        "batch": lambda m: m.batch(["hi"]),
    }
    with server_kind(first=[REPLIES[reply]] * 3) as server, pytest.raises(ChatError) as caught:
        verbs[verb](make(provider, server.url))
    assert KEY not in shown(caught.value)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("verb", ["invoke", "stream", "own client", "ainvoke", "own async client"])
def test_an_interrupt_shows_no_key_in_a_verbose_traceback(provider: str, verb: str) -> None:
    own = {
        "own client": {"http_client": httpx.Client()},
        "own async client": {"http_async_client": httpx.AsyncClient()},
    }

    def stop(body: Any) -> str:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.3)  # for the signal to come before the answer
        return "too late"

    with (OpenAIServer if provider == "openai" else AnthropicServer)(stop) as server:
        model = make(provider, server.url, **own.get(verb, {}))
        verbs: dict[str, Callable[[], Any]] = {
            "stream": lambda: list(model.stream("hi")),
            "ainvoke": lambda: asyncio.run(model.ainvoke("hi")),
            "own async client": lambda: asyncio.run(model.ainvoke("hi")),
        }
        with pytest.raises(KeyboardInterrupt) as caught:
            verbs.get(verb, lambda: model.invoke("hi"))()
    assert KEY not in shown(caught.value)


def test_a_proxys_password_is_not_shown_where_its_address_is() -> None:
    model = make("openai", "http://127.0.0.1:9", proxy="http://me:secret@127.0.0.1:9")
    assert "secret" not in repr(model) + repr(model.target)
    for ask in (model.invoke, lambda given: asyncio.run(model.ainvoke(given))):
        with pytest.raises(ChatError, match=r"through the proxy 127\.0\.0\.1:9:") as caught:
            ask("hi")
        assert "secret" not in str(caught.value)


def test_a_password_in_an_address_is_not_shown() -> None:
    model = make("openai", "http://me:secret@127.0.0.1:9")
    assert "secret" not in repr(model) + repr(model.target)
    for ask in (model.invoke, lambda given: asyncio.run(model.ainvoke(given))):
        with pytest.raises(ChatError, match=r"http://127\.0\.0\.1:9/v1:") as caught:
            ask("hi")
        assert "secret" not in str(caught.value)


def test_a_refused_connection_shows_no_key() -> None:
    with pytest.raises(ChatError) as caught:
        make("openai", "http://127.0.0.1:9").invoke("hi")
    assert KEY not in shown(caught.value)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_logs_at_debug_hold_no_key(provider: str, caplog: pytest.LogCaptureFixture) -> None:
    server_kind = OpenAIServer if provider == "openai" else AnthropicServer
    with server_kind() as server, caplog.at_level(logging.DEBUG):
        model = make(provider, server.url)
        model.invoke("hi")
        list(model.stream("hi"))
        asyncio.run(model.ainvoke("hi"))
    assert KEY not in caplog.text


def test_callbacks_caches_and_saved_chats_hold_no_key(tmp_path: Path) -> None:
    heard: list[str] = []

    class Ear(BaseCallbackHandler):
        def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
            heard.append(f"{serialized} {messages} {kwargs}")

        def on_llm_end(self, response: Any, **kwargs: Any) -> None:
            heard.append(f"{response.to_dict()} {kwargs}")

    disk = SQLiteCache(tmp_path / "cache.sqlite")
    with OpenAIServer() as server:
        for cache in (InMemoryCache(), disk):
            chat = Chat(make("openai", server.url, cache=cache))
            chat.ask("hello", {"callbacks": [Ear()]})
        chat.save(tmp_path / "chat.json")
    disk.close()
    assert heard
    assert KEY not in "".join(heard)
    assert all(KEY.encode() not in path.read_bytes() for path in tmp_path.iterdir())
    assert json.loads((tmp_path / "chat.json").read_text())


def test_a_carelessly_pasted_key_is_trimmed() -> None:
    with OpenAIServer() as server:
        pasted = f"  {KEY}\n"
        init_chat_model("gpt-test", model_provider="openai", base_url=server.base_url, api_key=pasted).invoke("hi")
        assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}"


def test_a_key_under_another_name_is_named_not_sent() -> None:
    with OpenAIServer() as server, pytest.raises(ConfigurationError, match="api_key=") as caught:
        init_chat_model("gpt-test", model_provider="openai", base_url=server.base_url, openai_api_key=KEY).invoke("hi")
    assert KEY not in shown(caught.value)
    assert server.count == 0
