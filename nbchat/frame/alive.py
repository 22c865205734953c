"""Whether a process that claimed what it was about to ask may still ask it."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

CLAIM_S = 60.0  # how long a process that has gone silent keeps others from asking what it was about to ask


def alive(host: str | None, pid: int | None, seen: float | None) -> bool:
    """Whether it lives, as far as can be told from here.

    Args:
        host, pid: where it runs; None where nothing is known of it.
        seen: `time.time()` of its last sign of life.
    """
    if host is None or pid is None or seen is None or time.time() - seen > CLAIM_S:
        return False
    if host != socket.gethostname() or os.name == "nt":  # there, signal 0 is Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return not _ended(pid)


def _ended(pid: int) -> bool:
    """Whether a process has ended, and only waits for its parent to notice; known of Linux alone."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2].startswith(b"Z")
    except OSError:
        return False
