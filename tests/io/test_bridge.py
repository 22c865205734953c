"""The bridge from blocking code into a running loop, in a process of its own: the loop is patched for good."""

from __future__ import annotations

import subprocess
import sys

STOPPED = """
import asyncio, signal
from nbchat.io.bridge import finish

async def tool():
    asyncio.get_running_loop().call_later(0.01, signal.raise_signal, signal.SIGINT)
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        print("cancelled")

async def cell():
    try:
        finish(tool())
    except KeyboardInterrupt:
        print("interrupted")
    await asyncio.sleep(0)

asyncio.new_event_loop().run_until_complete(cell())
"""


def test_what_an_interrupt_leaves_does_not_go_on_unseen() -> None:
    ran = subprocess.run([sys.executable, "-c", STOPPED], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.split() == ["interrupted", "cancelled"]
    assert ran.stderr == ""
