"""A real ipykernel, driven as a notebook drives it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager


@dataclass
class Ran:
    """What came of a cell."""

    status: str
    outputs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def shown(self) -> dict[str, str]:
        """The cell's last display, as its mime bundle."""
        return [m["content"]["data"] for m in self.outputs if "display_data" in m["msg_type"]][-1]

    @property
    def printed(self) -> str:
        return "".join(m["content"]["text"] for m in self.outputs if m["msg_type"] == "stream")

    @property
    def traceback(self) -> list[str]:
        return [line for m in self.outputs if m["msg_type"] == "error" for line in m["content"]["traceback"]]


class Kernel:
    """A kernel with nbchat loaded."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager, self.client = manager, client

    def start(self, code: str) -> str:
        """Send a cell; return the id of its request."""
        return self.client.execute(code, allow_stdin=False)

    def finish(
        self, request: str, *, seen: Callable[[dict[str, Any]], None] = lambda _: None, timeout: float = 60
    ) -> Ran:
        """Wait until a cell has ended; `seen` is told of each of its messages."""
        ran = Ran("")
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            message = self.client.get_iopub_msg(timeout=timeout)
            if message["parent_header"].get("msg_id") != request:
                continue
            ran.outputs.append(message)
            seen(message)
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
        while (reply := self.client.get_shell_msg(timeout=timeout))["parent_header"].get("msg_id") != request:
            pass
        ran.status = reply["content"]["status"]
        return ran

    def run(self, code: str) -> Ran:
        return self.finish(self.start(code))


@pytest.fixture(scope="session")
def _running() -> Iterator[Kernel]:
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(_running: Kernel) -> Kernel:
    """One kernel for all tests; the conversation and the names start afresh."""
    ran = _running.run("%reset -f\n%reload_ext nbchat")
    assert ran.status == "ok", ran.traceback
    return _running
