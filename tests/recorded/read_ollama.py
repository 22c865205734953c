"""Ollama's recorded answers, read by hand from the bodies."""

from __future__ import annotations

from typing import Any

from tests.recorded.harness import Expected, Failure, documents

ALLOWED = {
    "done": "the last chunk says so",
    "message.role": "always assistant",
    "created_at": "of a stream only the last is kept",
}
TOTALS = ("created_at",)


def read(exchange: dict[str, Any]) -> Expected:
    """The answer of one exchange."""
    lines = documents(exchange)
    if error := lines[-1].get("error"):
        return Expected(failure=Failure("ServerError" if len(lines) > 1 else "NotFoundError", error))
    messages, last = [line["message"] for line in lines], lines[-1]
    read, written = last.get("prompt_eval_count", 0), last.get("eval_count", 0)
    calls = [call for message in messages for call in message.get("tool_calls") or ()]
    return Expected(
        text="".join(message.get("content") or "" for message in messages),
        tool_calls=[(c["function"]["name"], c["function"]["arguments"], c.get("id")) for c in calls],
        reasoning="".join(message.get("thinking") or "" for message in messages),
        finish_reason=last["done_reason"],
        usage={"input_tokens": read, "output_tokens": written, "total_tokens": read + written},
        logprobs=[(t["token"], t["logprob"]) for line in lines for t in line.get("logprobs") or ()] or None,
        model=last["model"],
    )
