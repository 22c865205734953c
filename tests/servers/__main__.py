"""`python -m tests.servers openai --tokens 40 --latency 0.05`: prints its address, then serves until it is ended.

With `--tokens` every answer is one computed beforehand, for benchmarks; without, it answers as in the tests.
`GET /__count__` gives `{"total": …, "by_text": {last user text: requests}}`.
"""

from __future__ import annotations

import argparse
import json
import signal
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from tests.servers import faulty
from tests.servers.anthropic import AnthropicHandler, anthropic_answer, anthropic_stream
from tests.servers.openai import OpenAIHandler, openai_answer, openai_stream
from tests.servers.reply import Reply
from tests.servers.request import Recorded
from tests.servers.server import Server

FAULTS = (
    faulty.rate_limited(ms=20),
    faulty.server_error(),
    faulty.overloaded(),
    Reply(body={"cut": "here"}, cut=True),
    faulty.html_page(),
)


class Counting:
    """A provider's handler which counts requests by their last user text, and fails each `fault_every`-th."""

    def __init__(self, provider: str, options: argparse.Namespace) -> None:
        timing = {"latency": options.latency, "gap": options.gap}
        self._live = (OpenAIHandler if provider == "openai" else AnthropicHandler)(**timing)
        self._fixed = _fixed(provider, options) if options.tokens else None
        self._fault_every: int = options.fault_every
        self._lines = Path(options.count_file).open("a", buffering=1) if options.count_file else None  # noqa: SIM115
        self._by_text: Counter[str] = Counter()

    def __call__(self, request: Recorded) -> Reply:
        """The reply to one request."""
        if request.path == "/__count__":
            return Reply(body={"total": self._by_text.total(), "by_text": dict(self._by_text)})
        if request.method == "POST":
            self._count(_last_user_text(request))
        if self._fault_every and self._by_text.total() % self._fault_every == 0:
            return FAULTS[self._by_text.total() // self._fault_every % len(FAULTS)]
        if self._fixed is None:
            return self._live(request)
        return self._fixed[b'"stream":true' in request.body or b'"stream": true' in request.body]

    def _count(self, text: str) -> None:
        self._by_text[text] += 1
        if self._lines is not None:
            self._lines.write(json.dumps(text) + "\n")


def _fixed(provider: str, options: argparse.Namespace) -> tuple[Reply, Reply]:
    text = " word" * options.tokens
    answer, events = (
        (openai_answer(text), openai_stream(openai_answer(text)))
        if provider == "openai"
        else (anthropic_answer(text), anthropic_stream(anthropic_answer(text)))
    )
    return Reply(body=answer, delay=options.latency), Reply(body=events, delay=options.latency, gap=options.gap)


def _last_user_text(request: Recorded) -> str:
    content: Any = next((m["content"] for m in reversed(request.json["messages"]) if m["role"] == "user"), "")
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def main() -> None:
    """Parses the command line and serves until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description=__doc__)
    parser.add_argument("provider", choices=("openai", "anthropic"))
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--gap", type=float, default=0.0, help="seconds before each event of a stream")
    parser.add_argument("--tokens", type=int, default=0, help="give one fixed answer of so many tokens")
    parser.add_argument("--fault-every", type=int, default=0, help="each so many-th request fails, each time otherwise")
    parser.add_argument("--count-file", help="append each request's last user text to this file, a JSON string a line")
    options = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with Server(Counting(options.provider, options), port=options.port, record=False) as server:
        print(server.url, flush=True)
        ended.wait()


if __name__ == "__main__":
    main()
