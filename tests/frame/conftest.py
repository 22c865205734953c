"""Fixtures of the batch tests: a counting server, a model of it, and a folder of its own for each test."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nbchat import init_chat_model
from tests.servers import OpenAIServer, Reply, openai_answer


class Counted:
    """What a server answers, and how often it was asked each text."""

    def __init__(self) -> None:
        self.by_text: Counter[str] = Counter()
        self.answer: Callable[[str, dict[str, Any]], Any] = lambda text, body: f"You said: {text}"
        self.most_at_once = 0
        self._inside = 0

    def __call__(self, body: dict[str, Any]) -> str | dict[str, Any] | Reply:
        content = body["messages"][-1]["content"]
        text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content or ())
        self.by_text[text] += 1
        return self.answer(text, body)

    def slow(self, text: str, seconds: float, status: int = 200) -> Reply:
        """An answer that takes its time."""

        async def body() -> AsyncIterator[bytes]:
            self._inside += 1
            self.most_at_once = max(self.most_at_once, self._inside)
            await asyncio.sleep(seconds)
            self._inside -= 1
            yield json.dumps(openai_answer(text, model="gpt-4o-mini")).encode()

        return Reply(status=status, headers={"content-type": "application/json"}, body=body())

    def takes(self, prompt: int, answer: int) -> dict[str, Any]:
        """An answer that is said to have taken so many tokens."""
        total = {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}
        return {"text": "fine", "usage": total}

    @property
    def total(self) -> int:
        """Requests in all."""
        return self.by_text.total()


@pytest.fixture
def asked() -> Counted:
    """What the server was asked, and how it answers."""
    return Counted()


@pytest.fixture
def server(asked: Counted) -> Iterator[OpenAIServer]:
    """A pretend OpenAI that counts."""
    with OpenAIServer(asked) as server:
        yield server


@pytest.fixture
def model(server: OpenAIServer) -> Any:
    """A model of the counting server, with a price."""
    return init_chat_model("gpt-4o-mini", model_provider="openai", base_url=server.base_url, api_key="k")


@pytest.fixture
def hasty(server: OpenAIServer) -> Any:
    """The same model, which does not ask again where it meets an error."""
    return init_chat_model(
        "gpt-4o-mini", model_provider="openai", base_url=server.base_url, api_key="k", max_retries=0, timeout=2
    )


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default journal goes into a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def reviews() -> pd.DataFrame:
    """Three rows, their index neither sorted nor unique."""
    return pd.DataFrame({"review": ["good", "bad", "so {so}"], "stars": [5, 1, 3]}, index=["x", "a", "x"])
