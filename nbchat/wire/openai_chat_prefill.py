"""How vendors of chat completions are told to go on with an answer that has begun. No network, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from nbchat.wire.codec import Request


@dataclass(frozen=True)
class Prefill:
    """What marks the conversation's last message, the assistant's, as the beginning of the answer.

    Attributes:
        message: fields of that message.
        body: fields of the request.
        path: stands before the path of the request.
        echo: which answers repeat the beginning: none, the "whole" ones (not the streamed), or "always".
    """

    message: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""
    echo: Literal["", "whole", "always"] = ""

    def marked(self, request: Request) -> Request:
        """The request, so that its last message is continued."""
        *before, last = request.body["messages"]
        body = {**request.body, **self.body, "messages": [*before, {**last, **self.message}]}
        return Request(self.path + request.path, body, request.headers)


UNMARKED = Prefill()  # an answer that stands last is continued
LLAMA_CPP = Prefill(echo="whole")
PREFIX = Prefill(message={"prefix": True})
MISTRAL = Prefill(message={"prefix": True}, echo="always")
DEEPSEEK = Prefill(message={"prefix": True}, path="/beta")
MOONSHOT = Prefill(message={"partial": True})
CONTINUE_FINAL = Prefill(body={"continue_final_message": True, "add_generation_prompt": False})
