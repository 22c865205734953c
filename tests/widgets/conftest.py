"""A page without a browser: it hears what widgets send, counts it, and speaks to them."""

from __future__ import annotations

import asyncio
import functools
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import comm
import pytest
from comm.base_comm import BaseComm

from tests.servers import OpenAIServer


def in_a_loop(test: Callable[..., Any]) -> Callable[..., None]:
    """A test that is a coroutine, in a loop of its own."""

    @functools.wraps(test)
    def run(*args: Any, **fixtures: Any) -> None:
        asyncio.run(test(*args, **fixtures))

    return run


class Page:
    """One view of one widget, as its script would see it.

    Attributes:
        state, slots: as the script has them.
        sent: (time, bytes) of each message to the page.
        notes: what else was sent to this view: files, cells, notes.
        answers: how often the widget was busy and no longer is.
    """

    def __init__(self) -> None:
        self.widget: Any = None
        self.state: dict[str, Any] = {}
        self.slots: dict[str, str] = {}
        self.sent: list[tuple[float, int]] = []
        self.notes: list[dict[str, Any]] = []
        self.closed = False
        self.answers = 0

    def open(self, widget: Any, view: str = "v1") -> None:
        """Show a widget."""
        self.widget = widget
        self.do("hello", view=view)

    def do(self, name: str, buffers: list[bytes] | None = None, view: str = "v1", **content: Any) -> None:
        """Send what the script would."""
        data = {"method": "custom", "content": {"do": name, "view": view, "n": 1, **content}}
        self.widget._handle_msg({"content": {"data": data}, "buffers": buffers or []})

    def hear(self, kind: str, data: dict[str, Any] | None) -> None:
        """Take in a message of the kernel's."""
        self.sent.append((time.monotonic(), len(json.dumps(data))))
        self.closed = kind == "comm_close"
        content = (data or {}).get("content") or {}
        if "heard" in content or not content:
            return
        if content.get("to") and not content.get("slots") and "state" not in content:
            self.notes.append(content)
        for name, (stays, rest) in content.get("slots", {}).items():
            kept = self.slots.get(name, "").encode("utf-16-le", "surrogatepass")[: 2 * stays]
            self.slots[name] = kept.decode("utf-16-le", "surrogatepass") + rest
        for name in content.get("gone", ()):
            self.slots.pop(name, None)
        before, self.state = self.state, content.get("state", self.state)
        self.answers += bool(before.get("busy") and not self.state.get("busy"))

    async def until(self, condition: Callable[[], Any], timeout: float = 10) -> None:
        """Let the loop run until this is so."""
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, f"in vain: {self.state}"
            await asyncio.sleep(0.005)

    @property
    def text(self) -> str:
        """All HTML of the slots, in the order of the turns."""
        return "\n".join(self.slots[name] for name in sorted(self.slots))


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """The page, in place of a kernel's comms."""
    page = Page()

    class Wire(BaseComm):
        def publish_msg(self, msg_type: str, data: Any = None, *_: Any, **__: Any) -> None:
            page.hear(msg_type, data)

    monkeypatch.setattr(comm, "create_comm", Wire)
    yield page
    if page.widget is not None:
        page.widget.close()


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """Each of its models says who it is and what it was asked."""
    with OpenAIServer(lambda body: f"{body['model']} says {body['messages'][-1]['content']}") as server:
        yield server
