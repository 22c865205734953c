"""Token usage of many calls, added up by model."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nbchat.model.callbacks import BaseCallbackHandler, listening
from nbchat.values.messages import AIMessage
from nbchat.values.usage import Usage


class UsageMetadataCallbackHandler(BaseCallbackHandler):
    """Adds up the tokens of every answer it hears of, by model.

        usage = UsageMetadataCallbackHandler()
        model.invoke("Hello", config={"callbacks": [usage]})

    Attributes:
        usage_metadata: {the model's name, as the provider gave it: a `Usage`}. Answers from a cache cost nothing and
            are not counted.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.usage_metadata: dict[str, Usage] = {}

    def on_llm_end(self, response: AIMessage, **kwargs: Any) -> None:
        """Count an answer."""
        self._count(response)

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        """Count what an answer that broke off had used, where the provider said so."""
        if isinstance(partial := getattr(error, "partial", None), AIMessage):
            self._count(partial)

    def _count(self, message: AIMessage) -> None:
        if message.usage_metadata is None or "from_cache" in message.timing:
            return
        model = message.response_metadata.get("model_name") or "unknown"
        with self._lock:
            self.usage_metadata[model] = message.usage_metadata + self.usage_metadata.get(model)

    def __repr__(self) -> str:
        return f"UsageMetadataCallbackHandler({self.usage_metadata})"


@contextmanager
def get_usage_metadata_callback() -> Iterator[UsageMetadataCallbackHandler]:
    """A `with` block whose calls are all counted: `with get_usage_metadata_callback() as usage: …`."""
    handler = UsageMetadataCallbackHandler()
    with listening(handler):
        yield handler
